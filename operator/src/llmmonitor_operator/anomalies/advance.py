"""Takes closed cells out of the state's figures: into the history, and past the detectors.

Called in every pass; between the closings of two cells, which is nearly always, it returns what it got.
"""

from __future__ import annotations

import zlib

import msgspec

from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY
from llmmonitor_operator.anomalies.history import History, cells_before, closed, kept, newest_closed
from llmmonitor_operator.anomalies.watch import Watch, learnt, looked
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import FIGURE_TIERS

_TIER = next(place for place, tier in enumerate(FIGURE_TIERS) if tier.cell_seconds == CELL_SECONDS)
_DAY_SECONDS = 86_400


def advanced(state: State, history: History, now: float) -> tuple[State, History]:
    """Both with the cells that have closed since; the same objects if none has."""
    watch = state.anomalies
    newest = newest_closed(now)
    after = watch.at if watch.at <= newest else newest - 1  # a clock that was ahead is forgiven
    news = {at: cell.unpacked() for at, cell in state.figures[_TIER].items() if after < at <= newest}
    cells = closed(news, after, now)
    if not cells:
        return state, history
    for at, cell in cells.items():
        watch = looked(watch, at, cell)
    history = kept(history, cells, now)
    first = history.first_day
    if first is not None:
        watch = msgspec.structs.replace(watch, days=max(0, newest // CELLS_A_DAY - first - 1))
    return msgspec.structs.replace(state, anomalies=watch), history


def learning_due(watch: Watch, uid: str, now: float) -> bool:
    """Whether the watch is to learn anew: once a day, each monitor at a time of its own."""
    return watch.at > 0 and watch.learnt_on < _learning_day(uid, now)


def learnt_anew(watch: Watch, history: History, uid: str, now: float) -> Watch:
    """The watch with models of the days before today; a second's work for a history that is full."""
    known = learnt(watch, cells_before(history, int(now // _DAY_SECONDS)), zlib.crc32(uid.encode()))
    return msgspec.structs.replace(known, learnt_on=_learning_day(uid, now))


def _learning_day(uid: str, now: float) -> int:
    """The day since 1970, which begins for this monitor so far after midnight."""
    return int((now - _DAY_SECONDS * zlib.crc32(uid.encode()) / 2**32) // _DAY_SECONDS)
