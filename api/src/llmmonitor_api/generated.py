"""Generated files: write one, or say that it is stale; for the CRD and the page of conditions."""

import sys
from pathlib import Path


def keep_current(path: Path, text: str, *, check: bool, by: str) -> int:
    """Writes `text` to `path`, or with `check` only compares; returns the exit status.

    A stale or missing file is said on standard error with the command (`by`) that makes it anew.
    """
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{path} is {'stale' if path.is_file() else 'missing'}; make it anew with: {by}\n")
    return 1
