"""Whether the request path notices its analyser: token ages with it running, stopped, and short of CPU.

`stopped`: SIGSTOP to the analyser, so that the tee fills up and copies are dropped. `saturated`: a program
that only burns CPU, at the analyser's niceness and on the relay's core, stands for an analyser with more to
do than it can.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from bench.comparison import AGAIN, Measured, Target
from bench.figures.jitter import hop_us, plan
from bench.figures.scale import Scale
from bench.measure.statistics import quantile
from bench.peers.registry import SIDECAR
from bench.peers.running import PeerUnavailableError, Running
from bench.rig import Rig, orders

NORMAL = "sidecar, analyser running"
STOPPED = "sidecar, analyser stopped"
SATURATED = "sidecar, analyser saturated"
_CONDITIONS = (NORMAL, STOPPED, NORMAL + AGAIN, SATURATED)


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """p99 of the tokens' age on receipt, in each condition."""
    targets = (Target(STOPPED, NORMAL, 1.05), Target(SATURATED, NORMAL, 1.05))
    note = "200 streams at 50 tokens/s; all processes of the sidecar on one core"
    values: dict[str, list[float]] = {}
    try:
        running = rig.start(SIDECAR)
    except PeerUnavailableError as error:
        rig.unavailable.update(dict.fromkeys((SIDECAR, NORMAL), str(error)))
        return [Measured("isolation: p99 token age", "µs", values, targets, note=note)]
    load = plan(scale)
    found: dict[str, list[float]] = {name: [] for name in _CONDITIONS}
    try:
        for order in orders(_CONDITIONS, 2 * scale.rounds):
            for name in order:
                with _condition(rig, name, _analyser(running)):
                    run = rig.run(running, load)
                found[name].append(quantile(hop_us(run), 0.99))
                rig.settle(running)
        values = found
    except (PeerUnavailableError, ProcessLookupError) as error:
        rig.unavailable[NORMAL] = f"the analyser went away: {error}"
    finally:
        running.stop()
    return [Measured("isolation: p99 token age", "µs", values, targets, note=note)]


def _analyser(running: Running) -> int:
    pids = running.parts().get("analyser")
    if not pids:
        raise PeerUnavailableError("no process of the sidecar is its analyser")
    return pids[0]


@contextlib.contextmanager
def _condition(rig: Rig, name: str, analyser: int) -> Iterator[None]:
    if name == STOPPED:
        os.kill(analyser, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(analyser, signal.SIGCONT)
    elif name == SATURATED:
        niceness = os.getpriority(os.PRIO_PROCESS, analyser)
        with _burner(niceness, rig.proxy_cores):
            yield
    else:
        yield


@contextlib.contextmanager
def _burner(niceness: int, on: frozenset[int]) -> Iterator[None]:
    program = f"import os\nos.nice({niceness})\nos.sched_setaffinity(0, {set(on)})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        yield
    finally:
        process.kill()
        process.wait(5)
