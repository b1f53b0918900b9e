"""Says how long each stage of a run took: a log of CI must show where its minutes went."""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Print how long `what` took, or after how long it failed."""
    began, outcome = time.monotonic(), "failed after"
    try:
        yield
        outcome = "took"
    finally:
        print(f"[e2e] {what} {outcome} {time.monotonic() - began:.1f} s", flush=True)
