"""Generated files: write them, or say that one is stale; for the CRD and the pages that derive from code."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def command(
    arguments: Sequence[str] | None, render: Callable[[], str], *, prog: str, paths: Sequence[Path]
) -> int:
    """A generator's command line, `PROG [--check] [PATH ...]`: all paths get the same text.

    Args:
        arguments: those of the process when None.
        render: makes the text.
        prog: how it is called; said with what is stale.
        paths: where it goes unless paths are given.

    Returns:
        The exit status: 0, or 1 when `--check` finds a file stale or missing.
    """
    description = f"Writes {', '.join(map(str, paths))}."
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("paths", nargs="*", type=Path, default=paths)
    options = parser.parse_args(arguments)
    text = render()
    return max(keep_current(path, text, check=options.check, by=prog) for path in options.paths)


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
