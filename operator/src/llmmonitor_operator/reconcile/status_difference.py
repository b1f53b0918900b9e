"""Whether a new status document says what the written one does not, and how soon that must be said."""

from __future__ import annotations

from enum import IntEnum

from llmmonitor_operator.kube.raw import Raw


class Difference(IntEnum):
    """What differs, the most urgent last."""

    NONE = 0
    FIGURES = 1
    """Written at most once a minute."""
    CONDITIONS = 2
    """Written at once."""


def difference(written: Raw | None, new: Raw) -> Difference:
    """What `new` says beyond `written`."""
    raise NotImplementedError
