"""Memory with 1,000 open streams: PSS of all processes of the thing measured, each freshly started."""

import time

from bench.comparison import Measured, Target
from bench.figures.scale import Scale
from bench.load.plan import Plan
from bench.measure import processes
from bench.peers.registry import RELAY, SIDECAR
from bench.peers.running import PeerUnavailableError
from bench.rig import Rig, orders

STREAMS = 1000
_SUBJECTS = (RELAY, "envoy", SIDECAR, "nginx", "haproxy-tcp")
_SIDECAR = (
    "three Python processes. What carries the connections, the relay, is far below the target; the rest is "
    "the analyser with its libraries (aiohttp, prometheus-client, psutil, msgspec) and with what it knows "
    "of each of the open exchanges"
)


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """PSS while the streams run at two tokens a second; every round starts every proxy anew."""
    streams = scale.count(STREAMS)
    plan = Plan(
        host="",
        port=0,
        seconds=scale.seconds(0.5),
        warmup_seconds=scale.seconds(1.2),
        streams=streams,
        stagger_seconds=scale.seconds(0.6),
        tokens=1000,
        tokens_per_second=2,
        first_token_seconds=0.05,
        detail="count",
        drain_seconds=0.02,
    )
    found: dict[str, list[float]] = {name: [] for name in _SUBJECTS}
    for order in orders(_SUBJECTS, scale.rounds):
        for name in order:
            try:
                value = _once(rig, name, plan)
            except PeerUnavailableError as error:
                rig.unavailable[name] = str(error)
                continue
            found[name].append(value)
    targets = (
        Target(RELAY, "envoy", 0.8),
        Target(SIDECAR, "envoy", 0.8, if_missed=_SIDECAR),
        Target(RELAY, "nginx"),
        Target(SIDECAR, "nginx"),
    )
    note = f"PSS of all processes with {streams} streams open; the relay's includes its reader's"
    values = {name: of_name for name, of_name in found.items() if len(of_name) == scale.rounds}
    return [Measured(f"memory at {streams} open streams", "MiB", values, targets, note=note)]


def _once(rig: Rig, name: str, plan: Plan) -> float:
    running = rig.start(name)
    try:
        time.sleep(0.2)
        seen: list[float] = []
        rig.run(running, plan, at_end=lambda: seen.append(processes.pss_bytes(running.pids()) / 2**20))
        return seen[0]
    finally:
        running.stop()
