"""Secrets of the owner's, which reach this process as environment variables (`inject/environment.py`).

Whoever makes a Secret of a file, or of what `echo` prints, has a line end at its end: no header can carry
one, and no caller sends one.
"""

from __future__ import annotations

from collections.abc import Mapping


def credential_in(environment: Mapping[str, str], name: str) -> str:
    """The secret without white space around it; empty where there is none."""
    return environment.get(name, "").strip()
