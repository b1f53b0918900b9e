"""The kubelet sets a few of the machine's own sysctls; they are noted before and put back afterwards."""

from __future__ import annotations

import json
from pathlib import Path

_SET_BY_THE_KUBELET = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_PROC = Path("/proc/sys")


def note(path: Path) -> None:
    """Write the present values to `path`."""
    values = {
        name: (_PROC / name).read_text().strip() for name in _SET_BY_THE_KUBELET if (_PROC / name).exists()
    }
    path.write_text(json.dumps(values), encoding="utf-8")


def restore(path: Path) -> None:
    """Set what differs from the values noted in `path`, if there are any."""
    if not path.exists():
        return
    for name, value in json.loads(path.read_text(encoding="utf-8")).items():
        if (_PROC / name).read_text().strip() != value:
            (_PROC / name).write_text(value, encoding="utf-8")
