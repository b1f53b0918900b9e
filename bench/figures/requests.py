"""Requests per second of small plain answers over kept connections, driven by wrk."""

import re
import shutil
import subprocess
import time

from bench.comparison import AGAIN, Measured, Target
from bench.figures.scale import Scale
from bench.measure import processes
from bench.peers.registry import DIRECT, RELAY, SIDECAR
from bench.peers.running import Running
from bench.rig import Rig

CONNECTIONS = 64
_SUBJECTS = (DIRECT, RELAY, "nginx", SIDECAR, "haproxy-tcp", RELAY + AGAIN, "envoy", "aiohttp")
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_TOTAL = re.compile(r"(\d+) requests in")


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Requests/s by the clock and per CPU second of the proxy; nothing where wrk is not installed."""
    program = shutil.which("wrk")
    clocked = "requests/s by the clock"
    targets = (Target(RELAY, "nginx"), Target(RELAY, "aiohttp"), Target(SIDECAR, "nginx"))
    if program is None:
        rig.unavailable["wrk"] = "wrk: not installed (Debian: wrk)"
        return [Measured(clocked, "requests/s", {}, [Target("wrk", target.peer) for target in targets])]
    seconds = scale.seconds(0.6)

    def once(running: Running) -> tuple[float, float]:
        _wrk(program, running.port, scale.seconds(0.2))
        relay = running.parts().get("relay", running.pids())
        before = processes.cpu_seconds(relay)
        rate, total = _wrk(program, running.port, seconds)
        used = processes.cpu_seconds(relay) - before
        return rate, total / used if used > 0 else float("nan")

    runs = rig.interleave(_SUBJECTS, scale.rounds, once)
    note = f"GET of 32 bytes, {CONNECTIONS} kept connections, wrk"
    per_core = {
        name: [value for _, value in of_name]
        for name, of_name in runs.items()
        if name not in (DIRECT, SIDECAR)
    }
    by_clock = {name: [value for value, _ in of_name] for name, of_name in runs.items()}
    return [
        Measured(clocked, "requests/s", by_clock, targets, note=note),
        Measured("requests/s per core", "requests per CPU second", per_core, targets[:2], note=note),
    ]


def _wrk(program: str, port: int, seconds: float) -> tuple[float, int]:
    """Requests per second and their number. wrk counts whole seconds; a shorter run is ended by SIGINT."""
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    command.append(f"http://127.0.0.1:{port}/small")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if seconds < 1:
            time.sleep(seconds)
            process.send_signal(2)
        try:
            output, _ = process.communicate(timeout=seconds + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    rate, total = _RATE.search(output), _TOTAL.search(output)
    if rate is None or total is None:
        return float("nan"), 0
    return float(rate[1]), int(total[1])
