"""200 streams at 50 tokens/s: how evenly tokens keep coming, and what each costs in CPU.

Jitter of a gap is the difference between the gap as received and as sent, that is between the ages of two
successive tokens on receipt: what the path did to the rhythm, whatever the model's own rhythm is. CPU is
that of all threads of the proxy within the same measured seconds, divided by the tokens received in them.
"""

from collections.abc import Callable

from bench.comparison import AGAIN, Measured, Target
from bench.figures.scale import Scale
from bench.load.plan import Plan
from bench.measure.statistics import quantile
from bench.peers.registry import DIRECT, RELAY, SIDECAR
from bench.rig import Rig, Run

CPU_NAME = "CPU per token, whole proxy"
STREAMS = 200
TOKENS_PER_SECOND = 50
_SUBJECTS = (DIRECT, RELAY, "nginx", SIDECAR, "envoy", RELAY + AGAIN, "haproxy-tcp")


def plan(scale: Scale) -> Plan:
    """The load: streams that outlast the measured time, begun one after another over half a second."""
    seconds, warmup = scale.seconds(1.0), scale.seconds(0.6)
    return Plan(
        host="",
        port=0,
        seconds=seconds,
        warmup_seconds=warmup,
        streams=scale.count(STREAMS),
        stagger_seconds=warmup / 2,
        tokens=int((seconds + warmup) * TOKENS_PER_SECOND) + 10,
        tokens_per_second=TOKENS_PER_SECOND,
        first_token_seconds=0.02,
        drain_seconds=0.1,
    )


def jitter_us(run: Run) -> list[float]:
    """The jitter of every gap of the run, µs."""
    return [
        abs(later - earlier) / 1e3
        for record in run.finished.records
        for earlier, later in zip(record.hop_ns, record.hop_ns[1:], strict=False)
    ]


def hop_us(run: Run) -> list[float]:
    """The age of every token on receipt, µs."""
    return [hop / 1e3 for record in run.finished.records for hop in record.hop_ns]


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Jitter p99.9 and CPU per token, of the relay alone and of everything."""
    load = plan(scale)
    runs = rig.interleave(_SUBJECTS, 2 * scale.rounds, lambda running: rig.run(running, load))
    proxied = {name: of_name for name, of_name in runs.items() if name != DIRECT}
    rate = f"{load.streams} streams at {TOKENS_PER_SECOND} tokens/s"
    targets = (Target(RELAY, "nginx", 1.2), Target(SIDECAR, "nginx", 1.2), Target(RELAY, DIRECT))
    found = [
        Measured("inter-token jitter, p99.9", "µs", _each(runs, _jitter_tail), targets, note=rate),
        Measured(
            CPU_NAME,
            "µs",
            _each(proxied, _cpu_us_per_token),
            (Target(SIDECAR, "envoy"), Target(SIDECAR, RELAY)),
            note=f"{rate}; all threads of all its processes, schedstat; with all analysis on",
        ),
    ]
    alone = {name: of_name for name, of_name in proxied.items() if name != SIDECAR}
    values = _each(alone, _relay_us_per_token)
    if SIDECAR in proxied:
        values["relay in the sidecar"] = _each({SIDECAR: proxied[SIDECAR]}, _relay_us_per_token)[SIDECAR]
    alone_targets = (
        Target(RELAY, "envoy", 1.0),
        Target("relay in the sidecar", "envoy", 1.0),
        Target(RELAY, "nginx"),
        Target(RELAY, "haproxy-tcp"),
    )
    found.append(
        Measured("CPU per token, relay process alone", "µs", values, alone_targets, note=f"{rate}; schedstat")
    )
    return found


def _each(runs: dict[str, list[Run]], value: Callable[[Run], float]) -> dict[str, list[float]]:
    return {name: [value(run) for run in of_name] for name, of_name in runs.items()}


def _jitter_tail(run: Run) -> float:
    return quantile(jitter_us(run), 0.999)


def _cpu_us_per_token(run: Run) -> float:
    return run.cpu_total_seconds / max(1, run.tokens) * 1e6


def _relay_us_per_token(run: Run) -> float:
    used = run.cpu_seconds.get("relay", run.cpu_total_seconds)
    return used / max(1, run.tokens) * 1e6
