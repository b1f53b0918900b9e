"""Which tests share the installed release, and which need only the cluster: what may run beside what."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

BESIDE = pytest.StashKey[frozenset[Path]]()
"""Files of which the other lane has tests."""
_RELEASE = "product"
"""The fixture by which a test has the release."""


class Lane(StrEnum):
    """What runs at once."""

    RELEASE = "release"
    CLUSTER = "cluster"

    @classmethod
    def of(cls, item: pytest.Item) -> Lane:
        """The one that a test belongs to."""
        return cls.RELEASE if _RELEASE in getattr(item, "fixturenames", ()) else cls.CLUSTER


def keep(lane: str | None, items: list[pytest.Item]) -> list[pytest.Item]:
    """Leave those of one lane in `items` (None: all); gives the others."""
    others = [item for item in items if lane and Lane.of(item) != lane]
    items[:] = [item for item in items if not lane or Lane.of(item) == lane]
    return others
