"""Tokens per second of a saturated core: 64 streams in lock step, so that no two tokens can be joined.

A source that just writes as fast as it can proves nothing: the slower a proxy, the more tokens it finds
joined in one read. Here a stream's next token leaves when the one before has arrived at the client, 64
streams keep the proxy busy, and each token costs every proxy one read and one write. The figure is tokens
per CPU second of the proxy's process, because load and server share one core and saturate before the fastest
proxies do.
"""

from bench.comparison import AGAIN, Measured, Target
from bench.figures.scale import Scale
from bench.load.plan import Plan
from bench.peers.registry import DIRECT, RELAY, SIDECAR
from bench.rig import Rig, Run

_SUBJECTS = (
    DIRECT,
    RELAY,
    "nginx",
    SIDECAR,
    "aiohttp",
    RELAY + AGAIN,
    "haproxy-tcp",
    "envoy",
    "haproxy-http",
)
_TARGETS = (
    Target(RELAY, "nginx", 0.7, at_least=True),
    Target(
        RELAY,
        "aiohttp",
        5.0,
        at_least=True,
        if_missed=(
            "no proxy here can reach it: a token in lock step is one read and one write for each of them; "
            "HAProxy and nginx take about 12 µs for that, the aiohttp proxy about 26, and five times as "
            "good would be 5. The target was taken from requests per second, where aiohttp does far more "
            "for each"
        ),
    ),
    Target(RELAY, "haproxy-tcp"),
    Target(RELAY, "envoy"),
)


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Tokens per CPU second of the proxy, and tokens per second by the clock."""
    plan = Plan(
        host="",
        port=0,
        seconds=scale.seconds(0.7),
        warmup_seconds=scale.seconds(0.2),
        streams=64,
        tokens=10_000_000,
        tokens_per_second=0,
        first_token_seconds=0.0,
        detail="count",
        drain_seconds=0.02,
    )
    runs = rig.interleave(_SUBJECTS, scale.rounds, lambda running: rig.run(running, plan))
    per_core = {
        name: [_per_cpu_second(run) for run in of_name]
        for name, of_name in runs.items()
        if name not in (DIRECT, SIDECAR)
    }
    clocked = {name: [run.tokens / run.seconds for run in of_name] for name, of_name in runs.items()}
    return [
        Measured(
            "SSE tokens/s per core, saturated",
            "tokens per CPU second",
            per_core,
            _TARGETS,
            note="64 streams in lock step; the relay's CPU without its reader's",
        ),
        Measured(
            "SSE tokens/s by the clock, saturated",
            "tokens/s",
            clocked,
            (Target(RELAY, "nginx", 0.7, at_least=True), Target(RELAY, "aiohttp"), Target(SIDECAR, "nginx")),
            note="the same runs; load and server on one core limit the fastest (see the direct value)",
        ),
    ]


def _per_cpu_second(run: Run) -> float:
    used = run.cpu_seconds.get("relay", run.cpu_total_seconds)
    return run.tokens / used if used > 0 else float("nan")
