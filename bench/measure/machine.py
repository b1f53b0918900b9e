"""What is worth knowing about the machine and the commit, without naming the host or its paths."""

import os
import platform
import subprocess
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """The machine of a run. `steal_share` is the time the hypervisor gave to others since boot."""

    cpu_model: str
    cores: int
    kernel: str
    python: str
    memory_gib: float
    load_average_before: float
    steal_share: float


def describe() -> Machine:
    """Read the machine's figures from /proc."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return Machine(
        cpu_model=model,
        cores=os.cpu_count() or 1,
        kernel=platform.release().split("-")[0],
        python=platform.python_version(),
        memory_gib=round(memory_kib / 2**20, 1),
        load_average_before=round(os.getloadavg()[0], 2),
        steal_share=round(ticks[7] / max(1, sum(ticks)), 4),
    )


def commit() -> str:
    """The commit measured, `-dirty` when tracked files differ from it, `unknown` outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()
