"""Lets calm monitors rest, where the chart has it so: they are heard as ever, and judged more seldom.

Most of what a report costs comes after it: it is added to windows, every condition is judged, pods are looked
at, the status is made, and nearly always all is as it was. While a monitor rests, each interval brings a look
instead of a pass: what every sidecar says came since the report that was added last, by itself
(`sidecars.repeating`) or when it is asked, is read at a glance (`report.glance`) and held against
`evaluate.calm`. The first look that is not calm, a change of anything else that passes look at, or the end of
the rest brings a pass, whose reports hold all that looks have seen. What was said in the newest look is kept
as it came, for pods that are gone by then.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmmonitor_api.report.glance import Glance
from llmmonitor_api.report.repeated import LONGEST_SECONDS, NotRepeated, Repeat
from llmmonitor_api.report.report import Report, UnreadableReport, decode
from llmmonitor_operator.anomalies.cell import CELL_SECONDS
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.evaluate.calm import Calm, calm_after
from llmmonitor_operator.process_settings import LONGEST_REST_SECONDS
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.connection import LINE_BYTES_LIMIT
from llmmonitor_operator.reconcile.sidecars.heard import Heard
from llmmonitor_operator.reconcile.sidecars.standing import Standing
from llmmonitor_operator.reconcile.sidecars.wire import TIMEOUT_SECONDS
from llmmonitor_operator.windows import Count, add_counts

LONGEST_INTERVAL_SECONDS = 30.0
"""Between reports: who asks more seldom gains little, and the look that ends a rest would come too late for
the finest histograms (`gather.accumulate.Happened.has_place`)."""
KEPT_BYTES_LIMIT = LINE_BYTES_LIMIT
"""Of one pod: a report of that size, or one padded by a stranger, is judged at once and not kept."""
_BEFORE_CELL_ENDS_SECONDS = 3.0
"""A report that is told is looked at by then: so late a look is at most, at the longest interval."""
_TOLD_SECONDS = 0.5
"""After a sidecar is to tell its report again: so long it may take, before it is asked."""
_SHORTEST_SHARE = 0.95
"""Of the whole rest, from the second in a row on: monitors drift apart."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What all sidecars of a monitor said in one look, as it came: a fifth of the memory."""

    at: float
    """Unix seconds."""
    bodies: Mapping[str, bytes]
    """By pod UID."""

    def of(self, uids: Collection[str]) -> Kept:
        """Of these pods alone."""
        return replace(self, bodies={uid: self.bodies[uid] for uid in uids})

    def reports(self) -> dict[str, Report]:
        """The same, read; of what cannot be read in full nothing is left, which is logged."""
        found = ((uid, self._read(uid)) for uid in self.bodies)
        return {uid: report for uid, report in found if report is not None}

    def _read(self, uid: str) -> Report | None:
        try:
            return decode(self.bodies[uid])
        except UnreadableReport as error:
            _log.warning("pod UID %s: the report of the newest look is not read: %s", uid, error)
            return None

    def is_of_another_cell(self, now: float) -> bool:
        """Whether anomalies are found by another cell at `now`: what was said belongs to the one before."""
        return self.at // CELL_SECONDS != now // CELL_SECONDS


@dataclass(frozen=True, slots=True)
class End:
    """Of a rest."""

    at: float
    """Unix seconds."""
    for_figures: bool = False
    """Whether it is early, because figures may be written then."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Of one monitor, from a pass that left nothing to be done or to be waited for."""

    calm: Calm
    end: End
    interval: float
    """Seconds between two looks."""
    addresses: Collection[Address]
    names: Mapping[str, str]
    """Of the report that was added last of each, by pod UID (`report.told`)."""
    stands_on: object = None
    """What passes look at beside, and nobody is woken by: another brings one."""
    told_from: float | None = None
    """When sidecars had answered that tell on from then (monotonic seconds); None: none does."""
    counts: Mapping[str, Count] = field(default_factory=dict)
    """Of the newest look, by objective key: what all replicas together counted since what was added last."""

    def after(self, heard: Mapping[str, Heard[Glance]]) -> Rest | None:
        """After a look; None where somebody did not answer, or not all is calm.

        Args:
            heard: by pod UID.
        """
        if len(heard) < len(self.addresses):
            return None
        counts: dict[str, Count] = {}
        for uid, one in heard.items():
            if len(one.body) > KEPT_BYTES_LIMIT or not self.calm.holds(uid, one.said):
                return None
            found = one.said.totals.objectives.items()
            add_counts(counts, ((key, Count(it.good, it.bad)) for key, it in found))
        # what went well for minutes must not hide what fails now
        newly = {key: count - self.counts.get(key, Count()) for key, count in counts.items()}
        explained = self.calm.explains(counts) and self.calm.explains(newly)
        return replace(self, counts=counts) if explained else None

    def repeat(self, now: float) -> Repeat | None:
        """How often sidecars that are asked now are to tell their report; None: once is enough.

        Until the pass that ends the rest, or a cell of anomalies ends: from then on they are to tell what
        came since another report.
        """
        every = int(self.interval)
        if every != self.interval:  # the header says whole seconds
            return None
        cell_ends = (now // CELL_SECONDS + 1) * CELL_SECONDS
        end = min(self.end.at + every, cell_ends - TIMEOUT_SECONDS - _BEFORE_CELL_ENDS_SECONDS)
        try:
            return Repeat(1 + int(min(end - now, LONGEST_SECONDS) // every), every)
        except NotRepeated:
            return None

    def told_in_seconds(self, now: float) -> float | None:
        """In how many seconds all that tell on will have done so; None where none does.

        Args: now: monotonic seconds.
        """
        if self.told_from is None:
            return None
        return self.interval - (now - self.told_from) % self.interval + _TOLD_SECONDS

    def is_over(self, now: float) -> bool:
        """Whether a pass is due instead of a look, also where the clock was put back."""
        return not 0 < self.end.at - now <= LONGEST_REST_SECONDS


def end_of_rest(now: float, seconds: float, figures_wait_until: float, *, goes_on: bool) -> End:
    """Until when a monitor may rest that was judged at `now`.

    Not longer than until what was found may be written. The first rest in a row has any length up to the
    whole, the others have nearly all of it: monitors that were all judged at once, as by a new leader, are
    soon judged at any time.

    Args:
        now: of the pass, Unix seconds.
        seconds: how long at most.
        figures_wait_until: when what was found may be written, Unix seconds; 0 or past where nothing waits.
        goes_on: whether it had rested before the pass, and not only until figures could be written: that
            ends a minute after they were written last, at many monitors at once.
    """
    least = _SHORTEST_SHARE if goes_on else 0.0
    end = now + seconds * random.uniform(least, 1.0)  # noqa: S311 - not all at once
    if now < figures_wait_until < end:
        return End(figures_wait_until, for_figures=True)
    return End(end)


def rest_after(
    evaluation: Evaluation,
    standings: Sequence[Standing],
    reports: Mapping[str, Report],
    end: End,
    stands_on: object,
) -> Rest | None:
    """None where looks are not enough: not all is well, a report was not taken, or nobody is there.

    Args:
        evaluation: of the pass.
        standings: of the monitor's pods.
        reports: that came in it, by pod UID.
        end: see `Rest`.
        stands_on: see `Rest`.
    """
    interval = evaluation.inputs.settings.report_interval_seconds
    addresses = [one.address for one in standings if one.address is not None]
    pods = {uid: pod for uid in reports if (pod := evaluation.state.pods.get(uid)) and not pod.refused}
    names = {uid: pod.newest.name for uid, pod in pods.items() if pod.newest}
    if not addresses or interval > LONGEST_INTERVAL_SECONDS or any(one.uid not in names for one in addresses):
        return None
    calm = calm_after(evaluation.conditions, evaluation.inputs, reports)
    return None if calm is None else Rest(calm, end, interval, addresses, names, stands_on)
