"""What sampling GPUs costs the sidecar: CPU time and memory, by number of GPUs.

The driver is the tests' pretended one, whose answers cost nothing: what is measured is our own work and
pynvml's. A real driver's calls take longer, in a thread of their own that nobody waits for. Two minutes of
samples, one a second, with a look at all processes every ten; time is told, not waited for.

With `--real` it is this machine's own driver and whatever it shows: its calls' time, waited for, beside ours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.sidecar.gpu.asked import GIB, Asked, Driver

SAMPLES = 120
REAL_SAMPLES = 61
SOURCE = Path(__file__).parents[1] / "tests/sidecar/gpu/fake_nvml.c"
RESULTS = Path(__file__).parent / "results"
MIG = [f"mig 0 {place} MIG-{place} {place} {GIB} {10 * GIB}" for place in range(7)]
CASES: dict[str, list[str] | None] = {
    "no library": None,
    "1 GPU": ["count 1"],
    "8 GPUs": ["count 8", *(f"proc {gpu} {pid} {GIB}" for gpu in range(8) for pid in range(4))],
    "16 GPUs": ["count 16"],
    "1 GPU in 7 parts": ["count 1", *MIG],
}


@dataclass(frozen=True, slots=True)
class Row:
    """One case; times are CPU time of the sampling thread."""

    what: str
    first_ms: float
    """The first sample: the library is opened, pynvml imported."""
    median_ms: float
    with_processes_ms: float
    """The median of those that look at processes."""
    cores: float
    """At one sample a second."""
    resident_mib: float


def measure(what: str, library: Path, folder: Path) -> Row:
    """Sample for two minutes of told time."""
    statements = CASES[what]
    driver = Driver(library, folder / "driver")
    environment = {"LD_LIBRARY_PATH": "/nowhere"} if statements is None else driver.environment
    driver.says(*(statements or ["count 0"]))
    asked = Asked(environment)
    took = []
    for second in range(SAMPLES):
        found = asked.sample(second, pids=range(4))
        if found.visible != (statements is not None):
            raise SystemExit(f"{what}: {found.reason or 'a driver answers that should not be there'}")
        took.append(asked.last["cpu_seconds"])
    asked.end()
    walks = took[10::10]
    return Row(
        what=what,
        first_ms=1e3 * took[0],
        median_ms=1e3 * statistics.median(took[1:]),
        with_processes_ms=1e3 * statistics.median(walks),
        cores=sum(took[1:]) / (SAMPLES - 1),
        resident_mib=asked.last["resident_bytes"] / (1 << 20),
    )


@dataclass(frozen=True, slots=True)
class Real:
    """This machine's driver; times are of the sampling thread, samples a second apart."""

    cards: list[str]
    driver: str
    samples: int
    first_ms: float
    median_ms: float
    with_processes_ms: float
    waited_ms: float
    """The median by the clock: what the driver takes is in it."""
    waited_longest_ms: float
    cores: float
    resident_mib: float


def measure_real() -> Real:
    """Sample this machine's GPUs for as long as it says."""
    asked = Asked({})
    took, waited = [], []
    begin = time.monotonic()
    for second in range(REAL_SAMPLES):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        asked_at = time.perf_counter()
        found = asked.sample(second)
        waited.append(1e3 * (time.perf_counter() - asked_at))
        if not found.visible:
            raise SystemExit(f"no GPU to measure: {found.reason}")
        took.append(1e3 * asked.last["cpu_seconds"])
    asked.end()
    return Real(
        cards=[one.name for one in found.devices],
        driver=found.driver,
        samples=REAL_SAMPLES,
        first_ms=took[0],
        median_ms=statistics.median(took[1:]),
        with_processes_ms=statistics.median(took[10::10]),
        waited_ms=statistics.median(waited[1:]),
        waited_longest_ms=max(waited[1:]),
        cores=1e-3 * sum(took[1:]) / (REAL_SAMPLES - 1),
        resident_mib=asked.last["resident_bytes"] / (1 << 20),
    )


def main() -> int:
    """Measure all cases, print the table and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS, help="where gpu.json goes")
    parser.add_argument("--real", action="store_true", help="this machine's own driver, into gpu_real.json")
    options = parser.parse_args()
    if options.real:
        kept = json.dumps(asdict(measure_real()), indent=1) + "\n"
        (options.output / "gpu_real.json").write_text(kept)
        print(kept, end="")
        return 0
    compiler = shutil.which("cc")
    if compiler is None:
        print("no C compiler (cc): it makes the library that pretends to be the driver's", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "libnvidia-ml.so.1")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        rows = [measure(what, library, Path(folder)) for what in CASES]
    print(f"{'':18}{'first':>10}{'median':>10}{'processes':>11}{'cores':>9}{'resident':>11}")
    for row in rows:
        print(
            f"{row.what:18}{row.first_ms:7.1f} ms{row.median_ms:7.2f} ms{row.with_processes_ms:8.2f} ms"
            f"{row.cores:9.4f}{row.resident_mib:7.0f} MiB"
        )
    (options.output / "gpu.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
