"""Totals as differences: what a reader gets that has a report of this boot already and says which.

Totals grow with all that was ever served, and what came within fifteen seconds is a few requests: whoever
reads ten thousand reports an interval must not unpack a day of each. A reader names the report that it has
(`named`) in the header `HEADER`. Who answers remembers the totals of those that were named or told last,
enough for two readers; to others, and to who does not ask for differences, all is told.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.report import Report
from llmmonitor_api.report.totals import Totals

HEADER = "Report-Since"
NONE_YET = "0"
"""Said by a reader that has none, and will ask for differences."""
REMEMBERED_BYTES_LIMIT = 256 * 1024
"""Larger totals are always told whole: a few of them are kept, of a sidecar's few megabytes."""
_REMEMBERED = 4
"""What each of two readers has and was told last: one leader follows another, or is told on meanwhile."""

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Totals).decode


def named(boot_id: str, sequence: int) -> str:
    """How a reader names a report that it has.

    A boot's name is of the sidecar's making and goes into a header: quoted it can end none.
    """
    return f"{sequence}.{quote(boot_id, safe='')}"


def sequence_of(name: str) -> int:
    """The number of a report that is named so.

    Raises:
        ValueError: it is no such name.
    """
    return int(name.partition(".")[0])


class Told:
    """What one sidecar has told: the totals of the reports that its readers have, and of the newest."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._kept: dict[str, bytes] = {}
        """By name, what was named or told last at the end."""

    def since(self, report: Report, has: str) -> Report:
        """`report` for a reader that has the one named; whole where that is not remembered.

        Args:
            report: the newest, with all totals of its boot.
            has: as `HEADER` said it; empty: it does not ask for differences.
        """
        if not has:
            return report
        before = self._kept.pop(has, None)
        if before is not None:
            self._kept[has] = before
        try:
            packed = _ENCODE(report.totals)
        except OverflowError:  # a sum of more than 64 bits
            return report
        if len(packed) > REMEMBERED_BYTES_LIMIT:
            return report
        self._kept[named(report.identity.boot_id, report.identity.sequence)] = packed
        while len(self._kept) > _REMEMBERED:
            del self._kept[next(iter(self._kept))]
        if before is None:
            return report
        try:
            difference = merge.since(_DECODE(packed), _DECODE(before))
        except ValueError:  # another setting, by which counts began anew
            return report
        return msgspec.structs.replace(report, totals=difference, since=sequence_of(has))
