"""What the sidecar costs while nothing happens: its share of a core with no traffic."""

import time

from bench.comparison import Measured, Target
from bench.figures.scale import Scale
from bench.measure import processes
from bench.peers.registry import SIDECAR
from bench.peers.running import PeerUnavailableError
from bench.rig import Rig

ONE_CORE = "one core"
_WAKE_UPS = (
    "what must be noticed at once is looked at all the time: ten times a second the supervisor asks the "
    "kernel whether the model listens, the relay beats twenty times, and once a second the analyser reads "
    "the figures of all processes from /proc, which is the larger half"
)


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """CPU share of all its processes; the peer is one whole core."""
    target = Target(SIDECAR, ONE_CORE, 0.005, if_missed=_WAKE_UPS)
    note = "no traffic, one model; all processes of the sidecar, schedstat"
    shares: list[float] = []
    try:
        running = rig.start(SIDECAR)
    except PeerUnavailableError as error:
        rig.unavailable[SIDECAR] = str(error)
        return [Measured("idle CPU", "cores", {}, (target,), note=note)]
    try:
        time.sleep(scale.seconds(5.0))  # past its start
        for _ in range(scale.rounds):
            before, begun = processes.cpu_seconds(running.pids()), time.monotonic()
            time.sleep(scale.seconds(2.0))
            used = processes.cpu_seconds(running.pids()) - before
            shares.append(used / (time.monotonic() - begun))
    finally:
        running.stop()
    return [
        Measured("idle CPU", "cores", {SIDECAR: shares, ONE_CORE: [1.0] * len(shares)}, (target,), note=note)
    ]
