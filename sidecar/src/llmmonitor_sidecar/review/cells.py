"""Which exchanges are kept: a simple random sample of each cell, with how many it was drawn from.

A cell is what one detector found, how surely, of a fourth of the clients, so that neither a busy detector nor
one loud client fills the buffer; unflagged exchanges have cells of their own. Within a cell a reservoir is
kept (Vitter, "Random sampling with a reservoir", 1985, algorithm R). A cell that is looked into is closed:
its sample is then a batch, of `sample` out of `population` with the same chance for each, and a new one
begins.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from llmmonitor_api.review import Case

CAPACITY = 8
"""Of a cell."""
SLOTS = 4
"""Among which clients are divided, by their hash."""


class CellKey(NamedTuple):
    """What the exchanges of one cell have in common."""

    kind: str
    """Empty: unflagged."""
    detector: str
    version: int
    band: str
    slot: int


@dataclass(frozen=True, slots=True)
class KeptCase:
    """One redacted case in memory."""

    name: str
    content: Case
    client: str
    """A keyed hash; empty where clients are not told apart."""
    at: float
    """Unix seconds."""
    size: int
    """Characters."""


@dataclass(slots=True)
class Cell:
    """One that is being filled."""

    began: float
    """Unix seconds."""
    looked_before: int = 0
    """Exchanges of its clients that were looked at before it began."""
    population: int = 0
    capacity: int = CAPACITY
    cases: list[KeptCase] = field(default_factory=list)

    def place(self, draw: random.Random) -> int | None:
        """Where the exchange that comes now is to be kept; None: it is not. It is counted."""
        self.population += 1
        if len(self.cases) < self.capacity:
            return len(self.cases)
        place = draw.randrange(self.population)
        return place if place < self.capacity else None

    def put(self, place: int, case: KeptCase) -> None:
        """Keep it there."""
        self.cases[place : place + 1] = [case]

    def shrink(self, draw: random.Random) -> None:
        """Give one case up, at random: what is left is a random sample still."""
        del self.cases[draw.randrange(len(self.cases))]
        self.capacity = len(self.cases)


@dataclass(slots=True)
class Batch:
    """A closed cell."""

    name: str
    key: CellKey
    population: int
    sample: int
    of: int
    """Exchanges of its clients that were looked at while it was filled."""
    cases: list[KeptCase]
