"""What the operator keeps of the outcomes of live traffic: counts by the hour and by the day, a row for each.

Sidecars count (`report.live_outcomes`), `gather/accumulate.py` adds up, and `evaluate/outcomes.py` judges.
A row is of numbers in the order of NAMES, so that thirty days take some kilobytes of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final

import msgspec

from llmmonitor_api.report.live_outcomes import VERDICTS, LiveOutcomes
from llmmonitor_operator.windows import Tier, tier_for, within, without_old

TIERS: Final = (Tier(3600, 72), Tier(86_400, 31))
"""By the hour for three days, by the day for a month, the longest window."""
_PLAIN: Final = (
    *("requests", "answers", "identified", "rated", "unknown", "ambiguous", "compared", "regenerated"),
    *("repeated", "followed", "rephrased", "begun", "stopped"),
)
"""Fields of `LiveOutcomes`."""
_NOTHING = LiveOutcomes()
GIVEN, WITHDRAWN = "given:", "withdrawn:"
NAMES: Final = (*_PLAIN, *(prefix + verdict for prefix in (GIVEN, WITHDRAWN) for verdict in VERDICTS))
"""New ones come last: rows are kept over upgrades."""
_MOST: Final = 2**62
"""A damaged report may say more, and a checkpoint cannot."""
Row = tuple[int, ...]


class OutcomesKept(msgspec.Struct, frozen=True):
    """Everything; `OutcomesKept()` before any."""

    cells: tuple[dict[int, Row], ...] = ({}, {})
    """Per tier of TIERS."""
    poor: tuple[str, ...] = ()
    """Outcomes that were beyond their limits at the last evaluation."""

    def window(self, seconds: float, now: float) -> dict[str, int]:
        """Sums by name over the cells that the window touches, which ends at `now`."""
        place = tier_for(TIERS, seconds)
        rows = within(self.cells[place], TIERS[place], seconds, now)
        return dict(zip(NAMES, _sum(rows), strict=False))


def figures_of(outcomes: LiveOutcomes) -> dict[str, int]:
    """By flat name; zeros are left out."""
    if outcomes == _NOTHING:
        return {}
    found = {name: getattr(outcomes, name) for name in _PLAIN}
    for prefix, counts in ((GIVEN, outcomes.given), (WITHDRAWN, outcomes.withdrawn)):
        found |= {prefix + verdict: counts.get(verdict, 0) for verdict in VERDICTS}
    return {name: many for name, many in found.items() if many}


def with_outcomes(
    kept: OutcomesKept, happened: Iterable[tuple[float, Mapping[str, int]]], now: float
) -> OutcomesKept:
    """With what was counted, each at the time by which it was.

    Args:
        kept: what is known.
        happened: Unix seconds, and counts by flat name.
        now: Unix seconds; older cells than the tiers hold are dropped.
    """
    rows = [(at, tuple(counts.get(name, 0) for name in NAMES)) for at, counts in happened if counts]
    if not rows:
        return kept
    cells = []
    for tier, before in zip(TIERS, kept.cells, strict=True):
        after = without_old(before, tier, now)
        for at, row in rows:
            index = tier.index(at)
            after[index] = _sum([after.get(index, ()), row])
        cells.append(without_old(after, tier, now))
    return msgspec.structs.replace(kept, cells=tuple(cells))


def _sum(rows: Iterable[Row]) -> Row:
    return tuple(min(_MOST, sum(one)) for one in zip_longest(*rows, fillvalue=0))
