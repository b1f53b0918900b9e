"""Added time to first token: an open loop of short answers, half of them on new connections.

A request's time to first token runs from the moment it was due (the connect included where the connection is
new) to the receipt of the first stamped token; what a proxy adds is the round's quantile through it minus the
round's quantile on the direct path.
"""

from collections.abc import Sequence

from bench.comparison import AGAIN, Measured, Target
from bench.figures.scale import Scale
from bench.load.plan import Plan, Record
from bench.measure.statistics import quantile
from bench.peers.registry import DIRECT, RELAY, SIDECAR
from bench.rig import Rig, Run

_SUBJECTS = (DIRECT, RELAY, "haproxy-tcp", SIDECAR, "envoy", RELAY + AGAIN, "nginx")
_QUANTILES = (("p50", 0.5), ("p99", 0.99))
_NEW_CONNECTIONS = (
    "a new connection costs the relay 131 µs of CPU and HAProxy 78 (docs/design/relay-loop.md): accepting, "
    "connecting and registering two sockets are a dozen system calls, each called from Python. On kept "
    "connections, over which gateways send nearly all requests, it is not missed"
)
"""Where it is missed beside one peer, it is for the same reason beside the other."""


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """p50 and p99, on kept and on new connections."""
    plan = Plan(
        host="",
        port=0,
        seconds=scale.seconds(0.9),
        warmup_seconds=scale.seconds(0.2),
        requests_per_second=400,
        streams=64,
        connections="alternate",
        tokens=2,
        tokens_per_second=200,
        first_token_seconds=0.02,
    )
    runs = rig.interleave(_SUBJECTS, 2 * scale.rounds, lambda running: rig.run(running, plan))
    return [_figure(runs, label, share, new) for label, share in _QUANTILES for new in (False, True)]


def _figure(runs: dict[str, list[Run]], label: str, share: float, new: bool) -> Measured:  # noqa: FBT001 - a loop's value
    values = {
        name: [quantile(_first_token_us(run, new), share) for run in of_name]
        for name, of_name in runs.items()
    }
    return Measured(
        f"added TTFT, {label}, {'new' if new else 'kept'} connections",
        "µs",
        values,
        _targets(label, new),
        added=True,
        note="400 requests/s, Poisson; time to first token through the proxy minus direct",
    )


def _targets(label: str, new: bool) -> Sequence[Target]:  # noqa: FBT001 - same
    found = []
    why = _NEW_CONNECTIONS if new else ""
    for ours in (RELAY, SIDECAR):
        found.append(Target(ours, "haproxy-tcp", 1.3 if label == "p50" else 1.5, if_missed=why))
        if label == "p50":
            found.append(Target(ours, "envoy", 0.5, if_missed=why))
    return found


def _first_token_us(run: Run, new: bool) -> list[float]:  # noqa: FBT001 - same
    return [
        (record.first_token_ns - record.begun_ns) / 1e3
        for record in run.finished.records
        if _counts(record) and record.new_connection == new
    ]


def _counts(record: Record) -> bool:
    return record.first_token_ns > 0 and not record.error
