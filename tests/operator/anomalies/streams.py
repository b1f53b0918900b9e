"""A service's five minutes as the operator keeps them: a time of day, autocorrelation, noise, and faults."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmmonitor_operator.anomalies.cell import CELLS_A_DAY, Cell, coded_figure, coded_size
from llmmonitor_operator.anomalies.watch import Cells, Watch, looked

DAY_ZERO = 20_000
"""Since 1970; streams begin with it."""


@dataclass
class Stream:
    """Cells of one service; `seed` decides them."""

    seed: int = 1
    requests: int = 200
    """In five minutes at noon; at night a third."""
    unrest: float = 0.0
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    def cell(self, slot: int, *, slower: float = 1.0, failing: float = 0.002, finishing: float = 1.0) -> Cell:
        """The next one, in this five minutes of the day."""
        draw, day = self._draw, math.sin(2 * math.pi * slot / CELLS_A_DAY - math.pi / 2)
        begun = max(8, round(self.requests * (1 + 0.5 * day + draw.gauss(0, 0.1)) / 1.5))
        ended = round(begun * finishing)
        self.unrest = 0.7 * self.unrest + draw.gauss(0, 0.04)
        log, noise = math.log(slower) + 0.2 * day + self.unrest, 0.4 / math.sqrt(begun)
        n = coded_size(ended)
        return Cell(
            begun=coded_size(begun),
            finished=coded_figure(math.log((ended + 1) / (begun + 1)) + draw.gauss(0, 0.01)),
            ended=n,
            failed=sum(draw.random() < failing for _ in range(ended)),
            prompt=coded_figure(6.0 + draw.gauss(0, noise)),
            answers=n,
            answer=coded_figure(5.0 + draw.gauss(0, noise)),
            first_tokens=n,
            first_token=coded_figure(-1.5 + log + draw.gauss(0, noise)),
            per_tokens=n,
            per_token=coded_figure(-3.5 + log / 2 + math.log(slower) / 2 + draw.gauss(0, noise)),
            duration=coded_figure(1.5 + log + draw.gauss(0, noise)),
        )

    def days(self, count: int, first: int = DAY_ZERO) -> dict[int, list[Cell | None]]:
        """Whole days without a fault."""
        return {first + day: [self.cell(slot) for slot in range(CELLS_A_DAY)] for day in range(count)}


def after(watch: Watch, cells: Sequence[Cell | None], begin: int) -> Watch:
    """The watch after these cells, the first of which is the cell `begin`."""
    for number, cell in enumerate(cells):
        if cell is not None:
            watch = looked(watch, begin + number, cell)
    return watch


def alarmed(watch: Watch) -> dict[str, int]:
    """By signal with an alarm: the cell since when."""
    return {name: one.alarm_since for name, one in watch.tracks.items() if one.alarm_since is not None}


def with_gaps(cells: Cells, every: int) -> dict[int, list[Cell | None]]:
    """The same with every so manieth cell missing."""
    return {
        day: [None if slot % every == 0 else cell for slot, cell in enumerate(row)]
        for day, row in cells.items()
    }
