"""Watches all signals of one monitor: learns once a day, looks once every five minutes.

A family of signals shall raise at most one false alarm in 30 days. Within it Holm's procedure (1979) decides
which of its signals are said: the most unlikely must be so beyond the family's rate divided by its members,
the next by the members left. What is only a few percent off is never said, however unlikely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from llmmonitor_operator.anomalies import detector
from llmmonitor_operator.anomalies.baseline import Usual, learn
from llmmonitor_operator.anomalies.bootstrap import Chance, chance
from llmmonitor_operator.anomalies.cell import CELLS_A_DAY, Cell, size
from llmmonitor_operator.anomalies.detector import Seen, Track
from llmmonitor_operator.anomalies.signals import FAMILIES, FEWEST, SIGNALS, Reading, Signal, requests

MOST_ALARMS_A_MONTH = 1.0
"""Of one family, by chance, in 30 days: what is promised."""
ALARMS_A_MONTH = 0.3
"""What is aimed at, by the history: weeks do not hold what happens once in months
(`bench/results/anomalies.md` has what came of it)."""
LEAST_SHIFT = math.log(1.1)
"""Natural logarithm."""
DAYS_NEEDED = 14
CELLS_NEEDED = DAYS_NEEDED * CELLS_A_DAY // 4
"""Readings of a signal: a quarter of the time, or it is too seldom to have a usual."""


class Model(msgspec.Struct, frozen=True):
    """What is known of one signal's past."""

    usual: Usual
    chance: Chance
    failed_share: float
    """Of all requests of the history."""
    days: int
    cells: int


class Watch(msgspec.Struct, frozen=True):
    """What is remembered of all signals between two cells; `Watch()` knows nothing yet."""

    models: dict[str, Model] = {}
    """By the signal's name; only of those with history enough."""
    tracks: dict[str, Track] = {}
    """By the same."""
    requests: Usual | None = None
    """The usual request rate; None without history enough."""
    at: int = 0
    """The last cell that was looked at; 0 before the first."""
    days: int = 0
    """That are known of."""
    learnt_on: int = 0
    """The day, since 1970."""

    @property
    def alarms(self) -> dict[str, bool]:
        """By the name of each signal that is watched: whether it has an alarm."""
        return {
            name: (track := self.tracks.get(name)) is not None and track.alarm_since is not None
            for name in self.models
        }


Cells = Mapping[int, Sequence[Cell | None]]
"""By day since 1970: the cells of each, all of them."""


def learnt(watch: Watch, cells: Cells, seed: int) -> Watch:
    """The same with models of this history; the signals' alarms and excursions go on."""
    share = _failed_share(cells)
    models = {}
    for signal in SIGNALS:
        model = _model(signal, cells, share, seed)
        if model is not None:
            models[signal.name] = model
    return msgspec.structs.replace(
        watch,
        models=models,
        tracks={name: track for name, track in watch.tracks.items() if name in models},
        requests=_usual_requests(cells),
        days=len(cells),
    )


def looked(watch: Watch, at: int, cell: Cell) -> Watch:
    """The same after the cell `at` (its number since 1970), with alarms raised and ended."""
    tracks = dict(watch.tracks)
    traffic = _traffic(watch.requests, at, cell)
    for signal in SIGNALS:
        model = watch.models.get(signal.name)
        if model is None or (reading := signal.read(cell, model.failed_share)) is None:
            continue
        before = tracks.get(signal.name, Track())
        tracks[signal.name] = detector.step(before, model.usual, signal.worse, Seen(at, reading, traffic))
    return msgspec.structs.replace(watch, tracks=_with_alarms(watch.models, tracks, at), at=at)


def _traffic(usual: Usual | None, at: int, cell: Cell) -> float:
    reading = requests(cell)
    return usual.deviation(at % CELLS_A_DAY, reading) if usual and reading else 0.0


def _with_alarms(models: Mapping[str, Model], tracks: dict[str, Track], at: int) -> dict[str, Track]:
    for family in FAMILIES.values():
        members = [one for one in family if one.name in models]
        left = len(members) - sum(
            one.name in tracks and tracks[one.name].alarm_since is not None for one in members
        )
        waiting = sorted(
            (models[one.name].chance.alarms_a_month(track.height), one.name)
            for one in members
            if (track := tracks.get(one.name)) is not None
            and track.at == at
            and track.alarm_since is None
            and one.worse * track.shift >= LEAST_SHIFT
        )
        for rate, name in waiting:
            if rate > ALARMS_A_MONTH / left:
                break
            tracks[name] = detector.raised(tracks[name], rate)
            left -= 1
    return tracks


def _model(signal: Signal, cells: Cells, share: float, seed: int) -> Model | None:
    days = _readings(cells, lambda cell: signal.read(cell, share))
    if days is None:
        return None
    found = learn(days)
    return Model(
        usual=found.usual,
        chance=chance(found.innovations, signal.worse, seed),
        failed_share=share,
        days=len(days),
        cells=_known(days),
    )


def _usual_requests(cells: Cells) -> Usual | None:
    days = _readings(cells, requests)
    return None if days is None else learn(days).usual


def _readings(cells: Cells, read: Callable[[Cell], Reading | None]) -> dict[int, list[Reading | None]] | None:
    """By day and cell; None where they are too few to learn from."""
    days = {day: [None if cell is None else read(cell) for cell in row] for day, row in cells.items()}
    return days if len(days) >= DAYS_NEEDED and _known(days) >= CELLS_NEEDED else None


def _known(days: Mapping[int, Sequence[Reading | None]]) -> int:
    return sum([one is not None for row in days.values() for one in row])


def _failed_share(cells: Cells) -> float:
    """Never 0: of a model that never failed yet, one failed request more is expected."""
    every = [cell for row in cells.values() for cell in row if cell is not None]
    ended = sum(size(cell.ended) for cell in every)
    return (sum(cell.failed for cell in every) + 1) / max(FEWEST, ended)
