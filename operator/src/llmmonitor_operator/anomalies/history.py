"""35 days of a monitor's cells: kept packed, a thousand monitors' of them, and as bytes that last.

Cells are taken from the state's five-minute figures once they are closed. Days are kept as compressed
columns, loose cells for at most an hour; whole days are read only to learn from, once a day. It is no part
of the state: evaluation never reads it, and it does not fit a checkpoint.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY, Cell, cell_of
from llmmonitor_operator.anomalies.watch import Cells
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.packing import pack, unpack

SCHEMA = 1
DAYS = 35
BYTES_LIMIT = 512 * 1024
"""Of all of it, encoded."""
LATE_SECONDS = 60
"""A cell is closed so long after its end: reports of the last of it have come by then."""
_LOOSE = 12
_DAY_LIMIT = 64 * 1024
"""Of one day, decompressed."""


class UnreadableHistory(ValueError):
    """Bytes that are no history of this schema; the message says why."""


class History(msgspec.Struct, frozen=True):
    """Cells that are closed."""

    days: dict[int, bytes] = {}
    """By day since 1970: packed cells by their place in it."""
    loose: dict[int, Cell] = {}
    """By number since 1970: cells not packed yet."""

    @property
    def first_day(self) -> int | None:
        """The oldest that anything is known of."""
        return min([*self.days, *(at // CELLS_A_DAY for at in self.loose)], default=None)


def closed(figures: Mapping[int, Figures], after: int, now: float) -> dict[int, Cell]:
    """The cells after the cell `after` that are closed at `now`, without those in which nothing happened.

    Args:
        figures: of the state's tier of five-minute cells.
        after: the last cell taken before.
        now: Unix seconds.
    """
    end = newest_closed(now)
    if end <= after:
        return {}
    return {
        at: cell_of(one)
        for at, one in sorted(figures.items())
        if after < at <= end and (one.begun or one.ended)
    }


def newest_closed(now: float) -> int:
    """The number since 1970 of the last cell that is closed at `now`."""
    return int((now - LATE_SECONDS) // CELL_SECONDS) - 1


def kept(history: History, cells: Mapping[int, Cell], now: float) -> History:
    """The same with these cells; what is older than DAYS, or to come (a clock was ahead), goes."""
    if not cells:
        return history
    today = newest_closed(now) // CELLS_A_DAY
    loose = {**history.loose, **cells}
    days = {day: data for day, data in history.days.items() if today - DAYS <= day <= today}
    if len(loose) < _LOOSE:
        return History(days, loose)
    by_day: dict[int, dict[int, Cell]] = {}
    for at, cell in loose.items():
        by_day.setdefault(at // CELLS_A_DAY, {})[at % CELLS_A_DAY] = cell
    for day, some in by_day.items():
        if today - DAYS <= day <= today:
            days[day] = _packed({**(_unpacked(days[day]) if day in days else {}), **some})
    return History(days)


def cells_before(history: History, day: int) -> Cells:
    """The days before `day` but the first, which began anywhere; one of which nothing is known is empty."""
    if (first := history.first_day) is None:
        return {}
    found: dict[int, list[Cell | None]] = {}
    for one in range(max(first + 1, day - DAYS), day):
        known = _unpacked(history.days[one]) if one in history.days else {}
        found[one] = [known.get(slot) for slot in range(CELLS_A_DAY)]
    for at, cell in history.loose.items():
        if at // CELLS_A_DAY in found:
            found[at // CELLS_A_DAY][at % CELLS_A_DAY] = cell
    return found


def every_cell(history: History) -> dict[int, Cell]:
    """All of them, by number since 1970: for who shows them and learns nothing from them."""
    found = {
        day * CELLS_A_DAY + slot: cell
        for day, data in history.days.items()
        for slot, cell in _unpacked(data).items()
    }
    return dict(sorted({**found, **history.loose}.items()))


def encode(history: History) -> bytes:
    """At most BYTES_LIMIT: the oldest days go first."""
    days = dict(history.days)
    while len(data := msgspec.msgpack.encode((SCHEMA, days, history.loose))) > BYTES_LIMIT:
        del days[min(days)]
    return data


def decode(data: bytes) -> History:
    """The history.

    Raises:
        UnreadableHistory: if it is damaged or of another schema.
    """
    try:
        schema, days, loose = msgspec.msgpack.decode(data, type=tuple[int, dict[int, bytes], dict[int, Cell]])
        for day in days.values():
            _unpacked(day)
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableHistory(f"no history of ours: {error}") from error
    if schema != SCHEMA:
        raise UnreadableHistory(f"a history of schema {schema}; this version reads {SCHEMA}")
    return History(days, loose)


def _packed(cells: Mapping[int, Cell]) -> bytes:
    rows = {slot: list(cell) for slot, cell in cells.items()}
    return zlib.compress(msgspec.msgpack.encode(pack(rows)), level=9)


def _unpacked(data: bytes) -> dict[int, Cell]:
    stream = zlib.decompressobj()
    plain = stream.decompress(data, _DAY_LIMIT)
    if not stream.eof:
        raise ValueError(f"a day that is cut off, or larger than {_DAY_LIMIT} bytes")
    rows = msgspec.msgpack.decode(plain, ext_hook=unpack)
    return msgspec.convert(rows, dict[int, Cell])
