"""Which keys of a volume are no place of the chain: written by hand, far from all records.

Records are numbered without a gap, a volume holds RECORDS_LIMIT of them, and where some were lost the record
that says so counts them. So a key that lies farther from its neighbours than that is of somebody's making:
the chain neither goes on from it nor ends with it, and `verify` names it. It stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from llmmonitor_operator.audit.record import Record, What, read

RECORDS_LIMIT: Final = 500
"""Of a volume."""
KEY: Final = re.compile(r"[0-9]{8}")


def stray(lines: Mapping[str, str]) -> frozenset[str]:
    """Keys of one volume that look like a record's and are none; of no volume all.

    Args:
        lines: by key; keys that look like nothing are not looked at.
    """
    keys = sorted(key for key in lines if KEY.fullmatch(key))
    records = {key: record_at(key, lines[key]) for key in keys}
    runs: list[list[str]] = []
    for key in keys:
        if runs and _goes_on(int(runs[-1][-1]), int(key), records[key]):
            runs[-1].append(key)
        else:
            runs.append([key])
    if len(runs) <= 1:
        return frozenset()
    chain = max(runs, key=lambda run: (sum(records[key] is not None for key in run), len(run), -int(run[0])))
    return frozenset(keys) - frozenset(chain)


def record_at(key: str, line: str) -> Record | None:
    """The record that stands in its place; None where the line is none, or another's."""
    try:
        record = read(line)
    except ValueError:
        return None
    return record if record.number == int(key) else None


def _goes_on(last: int, place: int, record: Record | None) -> bool:
    missing = place - last - 1
    if record is not None and record.what == What.LOST and record.count == missing:
        return True
    return missing < RECORDS_LIMIT
