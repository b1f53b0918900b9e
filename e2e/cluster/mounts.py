"""What is mounted below the state folder: containers' roots, tmpfs volumes, pods' network namespaces."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")
_TIMEOUT_SECONDS = 30


def below(root: Path, mountinfo: str) -> list[str]:
    """Mount points below `root`, the last mounted first, from the text of /proc/self/mountinfo (proc(5))."""
    points = (_unescaped(line.split()[4]) for line in mountinfo.splitlines())
    return [point for point in points if point.startswith(f"{root}/")][::-1]


def unmount_all(root: Path) -> None:
    """Unmount everything below `root`, lazily, for what is still open there belongs to nobody any more."""
    for point in below(root, Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        subprocess.run(["umount", "--lazy", point], check=True, timeout=_TIMEOUT_SECONDS)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
