"""The product's own comparison, and what others do, on the same stream: when each says that versions differ.

All look after every ten minutes and stop when they find something, as people and dashboards do. The tests
take each request for an independent draw; with 30 requests a side they begin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bench.version.streams import CELLS_A_DAY, MEASURES, Floats, Stream

from llmmonitor_operator.versions.comparison import Comparison, Finding, Minutes, advanced, overall
from llmmonitor_operator.versions.matching import Met, Side

FEWEST = 30
Z_95 = 1.96
PEERS = ("z-test of failures", "z-test of late first tokens", "t-test of mean TTFT")


@dataclass(frozen=True, slots=True)
class Said:
    """When (in cells from the begin, the first is 1) something was said first; None if it never was."""

    worse: int | None
    better: int | None
    alike: int | None
    """Of all measures."""

    def first(self, *kinds: str) -> int | None:
        """The earliest of some of them."""
        known = [at for kind in kinds if (at := getattr(self, kind)) is not None]
        return min(known, default=None)


def ours(sides: Sequence[tuple[Side, Side]], margin: float) -> Said:
    """The product's comparison."""
    comparison = Comparison("old", "new", MEASURES)
    said: dict[Finding, int] = {}
    for cell, (older, newer) in enumerate(sides, start=1):
        comparison = advanced(comparison, Minutes(cell, str((cell - 1) // CELLS_A_DAY), older, newer), margin)
        by_measure = [Finding(one[0]) for one in comparison.decided if one is not None]
        found = overall(comparison)
        for one in (*by_measure, found):
            if one is not Finding.ALIKE or found is Finding.ALIKE:
                said.setdefault(one, cell)
    return Said(said.get(Finding.WORSE), said.get(Finding.BETTER), said.get(Finding.ALIKE))


def requests_as_units(stream: Stream) -> list[tuple[Side, Side]]:
    """By cell, as `Stream.sides`, but as if each request were of a client of its own."""
    found: list[tuple[dict[str, Met], dict[str, Met]]] = [({}, {}) for _ in range(stream.cells)]
    columns = (stream.cell, stream.newer, stream.stratum, stream.events, *stream.bad)
    for row, (cell, newer, stratum, events, *bad) in enumerate(
        zip(*(one.tolist() for one in columns), strict=True)
    ):
        for number in range(events):
            one = Met(stratum, (1,) * len(bad), tuple(int(number < some) for some in bad))
            found[cell][newer][f"{row * 2654435761 % 2**32}-{number}"] = one
    return found  # type: ignore[return-value]  # a dict is a Mapping


def others(stream: Stream) -> dict[str, int | None]:
    """When each of PEERS first says that the versions differ; None if it never does."""
    requests = _sums(stream, stream.events)
    found = {}
    for name, measure in zip(PEERS, (0, 1), strict=False):
        found[name] = _first(_z(requests, _sums(stream, stream.bad[measure])), requests)
    seconds, squares = _sums(stream, stream.first_tokens), _sums(stream, stream.squares)
    found[PEERS[2]] = _first(_t(requests, seconds, squares), requests)
    return found


def before_after(stream: Stream) -> bool:
    """Whether a z-test of late first tokens calls the second half different from the first: one look."""
    second = (stream.cell >= stream.cells // 2).astype(np.int64)
    n = np.bincount(second, stream.events, 2).astype(np.float64)
    bad = np.bincount(second, stream.bad[1], 2).astype(np.float64)
    return bool(abs(_z(n[:, None], bad[:, None])[0]) > Z_95)


def _sums(stream: Stream, values: npt.NDArray[np.generic]) -> Floats:
    """By side, summed up to each cell."""
    found = np.zeros((2, stream.cells))
    np.add.at(found, (stream.newer, stream.cell), values)
    return found.cumsum(axis=1)


def _z(n: Floats, bad: Floats) -> Floats:
    """Of two proportions, pooled."""
    n = np.maximum(n, 1)
    pooled = bad.sum(axis=0) / n.sum(axis=0)
    error = np.sqrt(np.maximum(1e-12, pooled * (1 - pooled) * (1 / n).sum(axis=0)))
    return np.asarray((bad[1] / n[1] - bad[0] / n[0]) / error)


def _t(n: Floats, total: Floats, squares: Floats) -> Floats:
    """Welch's, whose degrees of freedom are many here."""
    n = np.maximum(n, 2)
    mean = total / n
    variance = np.maximum(1e-12, squares / n - mean**2) * n / (n - 1)
    return np.asarray((mean[1] - mean[0]) / np.sqrt((variance / n).sum(axis=0)))


def _first(statistic: Floats, n: Floats) -> int | None:
    crossed = (np.abs(statistic) > Z_95) & (n.min(axis=0) >= FEWEST)
    return int(crossed.argmax()) + 1 if crossed.any() else None


def hours(cells: float) -> float:
    """Ten minutes each."""
    return math.ceil(cells) / 6
