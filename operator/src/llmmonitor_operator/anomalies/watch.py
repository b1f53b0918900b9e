"""Watches all signals of one monitor: learns once a day, looks once every five minutes.

A family of signals shall raise at most one false alarm in 30 days. Within it Holm's procedure (1979) decides
which of its signals are said: the most unlikely must be so beyond the family's rate divided by its members,
the next by the members left. What is only a few percent off is never said, however unlikely.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from llmmonitor_operator.anomalies import detector
from llmmonitor_operator.anomalies.baseline import Learnt, Usual, learn
from llmmonitor_operator.anomalies.bootstrap import Chance, chance
from llmmonitor_operator.anomalies.cell import CELLS_A_DAY, Cell, size
from llmmonitor_operator.anomalies.detector import Track
from llmmonitor_operator.anomalies.signals import FAMILIES, FEWEST, SIGNALS, Signal

ALARMS_A_MONTH = 0.3
"""Of one family, by chance, in 30 days, as its history has it. Weeks do not hold what happens once in
months: to keep to one, a third of one is aimed at (`bench/results/anomalies.md` has what came of it)."""
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
        watch, models=models, tracks={name: track for name, track in watch.tracks.items() if name in models}
    )


def looked(watch: Watch, at: int, cell: Cell) -> Watch:
    """The same after the cell `at` (its number since 1970), with alarms raised and ended."""
    tracks = dict(watch.tracks)
    for signal in SIGNALS:
        model = watch.models.get(signal.name)
        if model is None or (reading := signal.read(cell, model.failed_share)) is None:
            continue
        before = tracks.get(signal.name, Track())
        tracks[signal.name] = detector.step(before, model.usual, signal.worse, at, reading)
    return msgspec.structs.replace(watch, tracks=_with_alarms(watch.models, tracks, at))


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
    days = {
        day: [None if cell is None else signal.read(cell, share) for cell in row]
        for day, row in cells.items()
    }
    known = sum(one is not None for row in days.values() for one in row)
    if len(days) < DAYS_NEEDED or known < CELLS_NEEDED:
        return None
    found: Learnt = learn(days)
    return Model(
        usual=found.usual,
        chance=chance(found.innovations, signal.worse, seed),
        failed_share=share,
        days=len(days),
        cells=known,
    )


def _failed_share(cells: Cells) -> float:
    """Never 0: of a model that never failed yet, one failed request more is expected."""
    every = [cell for row in cells.values() for cell in row if cell is not None]
    ended = sum(size(cell.ended) for cell in every)
    return (sum(cell.failed for cell in every) + 1) / max(FEWEST, ended)
