"""Adds one report to the state of its monitor.

Reports are cumulative, so what happened is the difference to the last one of the same life (pod UID and
boot id); a new life counts from zero. Reading a report twice, or an older one after a newer one, adds
nothing: the newer one held it already. Reports of different sources may come in any order and give the same
windows; within one source a report that was overtaken leaves its share to the one that overtook it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.features import FeatureCounts
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import InterceptionState, Live, Report
from llmmonitor_operator.figures import NOTHING, Figures, TooMuch, figures_of, since
from llmmonitor_operator.gather.accumulate import NOTHING_ADDED, Added, Happened, accumulate, added
from llmmonitor_operator.gather.plausible import Implausible, check
from llmmonitor_operator.gather.probes import with_probes
from llmmonitor_operator.gather.sources import counts_in, source_after, source_of
from llmmonitor_operator.interaction_counts import counts_of
from llmmonitor_operator.packed_features import NO_FEATURES
from llmmonitor_operator.packed_figures import NOTHING_PACKED
from llmmonitor_operator.request_counts import without_checks
from llmmonitor_operator.state import Pod, Source, State
from llmmonitor_operator.versions.history import pods_of_older
from llmmonitor_operator.windows import Count

SILENT_SECONDS = 60.0
"""After which a pod is answered for by another life, whatever it says of its own beginning."""
BOOTS_LIMIT = 4
"""Lives of one pod's sidecar whose late reports are still taken."""
PODS_LIMIT = 2048
FORGET_AFTER_SECONDS = 86_400.0
"""A pod not heard of for a day is gone; pods beyond the limit go earlier, the longest unheard first."""


class _Refused(ValueError):
    """This report is not taken; the message says why."""


def absorb(state: State, report: Report, now: float, *, pod_uid: str = "") -> State:
    """The state with `report` in it.

    Args:
        state: what was known.
        report: as decoded by `llmmonitor_api.report.report.decode`.
        now: Unix seconds; a report from the future (clocks differ) counts as made now.
        pod_uid: the pod that was asked; a report that says it is another's is refused. Empty: not checked.

    Returns:
        The same object if the report holds nothing new. A refused one leaves all windows as they are and is
        remembered in its pod's `refused`, which the condition `Reporting` shows.
    """
    return absorb_all(state, {pod_uid or report.identity.pod_uid: report}, now)[0]


def absorb_all(state: State, reports: Mapping[str, Report], now: float) -> tuple[State, Added]:
    """The same of many, by the pod that was asked, and what they added together.

    Pods and windows are copied once for all of them.
    """
    took = _taken_of_all(state, reports, now)
    if not took.pods:
        return state, NOTHING_ADDED
    if took.probed:
        state = msgspec.structs.replace(state, quality=with_probes(state.quality, took.probed, now))
    together = added(took.happened)
    state = _with_pods(state, took.pods, now)
    return accumulate(state, took.happened, together, now), together


def added_by(state: State, reports: Mapping[str, Report], now: float) -> Added:
    """What `absorb_all` would say of them; the state that they give, most of its work, is not made."""
    return added(_taken_of_all(state, reports, now).happened)


@dataclass(slots=True)
class _Took:
    """What came of some reports."""

    pods: dict[str, Pod] = field(default_factory=dict)
    """Those that have changed, by UID."""
    happened: list[Happened] = field(default_factory=list)
    probed: list[Probing] = field(default_factory=list)


def _taken_of_all(state: State, reports: Mapping[str, Report], now: float) -> _Took:
    took = _Took()
    older = pods_of_older(state.versions)
    for uid, report in reports.items():
        pod = state.pods.get(uid, _UNKNOWN)
        known = _new_to(pod, report)
        if known is _NOTHING_NEW:
            continue
        try:
            _check_pod(report, uid)
            figures = _figures(report)
            times = _began(pod, report, known, min(report.at, now)), min(report.at, now)
            source, before, newly = _taken(report, figures, known, state, times)
            what = Happened(
                begin=min(before.at, source.at),
                end=source.at,
                figures=newly.figures,
                counts=(without_checks(newly.counts) if uid in older else newly.counts)
                | counts_of(newly.figures.interactions, _looked_for(state.limited_kinds, source)),
                features=newly.features,
                pod=uid,
            )
        except _Refused as refusal:
            took.pods[uid] = msgspec.structs.replace(pod, refused_at=now, refused=str(refusal))
        else:
            took.pods[uid] = _with_boot(pod, source, known)
            took.happened.append(what)
            took.probed += [report.probing] if report.probing is not None else []
    return took


def _new_to(pod: Pod, report: Report) -> Source | None:
    """The life that `report` goes on with, None for a new one; `_NOTHING_NEW` if it was counted already."""
    identity = report.identity
    known = next((boot for boot in pod.boots if boot.boot_id == identity.boot_id), None)
    if known is not None:
        return _NOTHING_NEW if identity.sequence <= known.sequence else known
    older = bool(pod.boots) and identity.started_at < pod.boots[0].started_at
    if older and not _outlived(pod, report.at):
        return _NOTHING_NEW  # an older life than any remembered: counted long ago, or lost and said so
    return None


def _outlived(pod: Pod, at: float) -> bool:
    """Whether whoever speaks at `at` (Unix seconds) speaks when all that are known have long been silent."""
    return pod.newest is not None and at > pod.newest.at + SILENT_SECONDS


def _began(pod: Pod, report: Report, known: Source | None, at: float) -> float:
    """When this life began, as far as it can be: a clock may have been ahead then, or before it."""
    if known is not None:
        return known.started_at
    newest, began = pod.newest, min(report.identity.started_at, at)
    return newest.at if newest is not None and began < newest.started_at and _outlived(pod, at) else began


def _check_pod(report: Report, uid: str) -> None:
    if report.identity.pod_uid != uid:
        raise _Refused(f"the report is of pod UID {report.identity.pod_uid}, this pod's is {uid}")


def _figures(report: Report) -> Figures:
    totals = report.totals
    try:
        figures = figures_of(totals)
        check(figures, totals)
    except (TooMuch, Implausible) as error:
        raise _Refused(str(error)) from error
    return figures


def _looked_for(kinds: tuple[str, ...], source: Source) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind not in source.not_looked_for)


class _Newly(msgspec.Struct, frozen=True):
    """What happened since the report before."""

    figures: Figures
    counts: dict[str, Count]
    features: FeatureCounts


def _taken(
    report: Report, figures: Figures, known: Source | None, state: State, times: tuple[float, float]
) -> tuple[Source, Source, _Newly]:
    """What is kept of a report, what it is compared to, and what happened between the two.

    Args: times: when its boot began, and when it was made.
    """
    if report.since is None:
        source = source_of(report, times, figures)
        before = known or _baseline(state, source)
        since_then = _figures_since(figures, source, before)
        counts = _counts_since(source, before)
        return source, before, _Newly(since_then, counts, _features_since(source, before))
    if known is None or report.since != known.sequence:
        raise _Refused(
            f"report {report.identity.sequence} of boot {report.identity.boot_id} says what came since report"
            f" {report.since}, the last known is {known.sequence if known else 'none'}"
        )
    counts = counts_in(report)
    energy = figures.gpu_energy_millijoules
    spent = msgspec.structs.replace(figures, gpu_energy_tokens=figures.completion_tokens_exact)
    newly = _Newly(spent if energy else figures, _with_events(counts), report.totals.features)
    return source_after(report, times, known, figures, counts), known, newly


def _baseline(state: State, source: Source) -> Source:
    """What a life not known yet is compared to: nothing counted, at its start.

    If it may be one that was forgotten, its counters were partly counted: it begins from where it is.
    """
    if state.forgotten_until is not None and source.started_at <= state.forgotten_until:
        return source
    return msgspec.structs.replace(
        source, at=source.started_at, packed=NOTHING_PACKED, objectives={}, features=NO_FEATURES
    )


def _figures_since(figures: Figures, source: Source, before: Source) -> Figures:
    if source.packed.is_same(before.packed):
        return NOTHING
    older = before.figures
    try:
        return _with_energy(since(figures, older), older, source, before)
    except merge.CountersWentBack as error:
        raise _Refused(
            f"report {source.sequence} of boot {source.boot_id} has smaller counters than report"
            f" {before.sequence} of it ({error}): two sidecars answer for one pod, or its memory is damaged"
        ) from error


def _with_energy(figures: Figures, older: Figures, source: Source, before: Source) -> Figures:
    """Energy beside the tokens that it was spent on; `older` are the figures of `before`."""
    if not figures.gpu_energy_millijoules:
        return figures
    if not older.gpu_energy_millijoules and before.at > source.started_at:
        # the first of a sidecar that has run for a while: the operator before this one may not have counted
        # it, and then it is of more time than the tokens are
        return msgspec.structs.replace(figures, gpu_energy_millijoules=0)
    return msgspec.structs.replace(figures, gpu_energy_tokens=figures.completion_tokens_exact)


def _features_since(source: Source, before: Source) -> FeatureCounts:
    """None of those of which it is not known from where on they are new."""
    if source.features is None or before.features is None or source.features == before.features:
        return FeatureCounts()
    try:
        return merge.since(source.features.unpacked(), before.features.unpacked())
    except merge.CountersWentBack as error:
        raise _Refused(
            f"report {source.sequence} of boot {source.boot_id} has smaller counts of features than report"
            f" {before.sequence} of it ({error})"
        ) from error


def _counts_since(source: Source, before: Source) -> dict[str, Count]:
    counts = {}
    for key, count in source.objectives.items():
        old = before.objectives.get(key, Count())
        if count.good < old.good or count.bad < old.bad:
            if source.configuration_generation == before.configuration_generation:
                raise _Refused(
                    f"report {source.sequence} of boot {source.boot_id}: objective {key} has"
                    f" {count.good} good and {count.bad} bad events after {old.good} and {old.bad}"
                )
            old = Count()  # taken out and brought back by two changes of the configuration
        counts[key] = Count(count.good - old.good, count.bad - old.bad)
    return _with_events(counts)


def _with_events(counts: Mapping[str, Count]) -> dict[str, Count]:
    return {key: count for key, count in counts.items() if count.total}


def _with_boot(pod: Pod, source: Source, known: Source | None) -> Pod:
    others = [boot for boot in pod.boots if boot is not known]
    boots = sorted([*others, source], key=lambda boot: (boot.started_at, boot.boot_id))
    lost = pod.lost_seconds + _gaps(boots) - _gaps(list(pod.boots))
    killed_at, killed = _oom_killed(pod, source)
    return Pod(
        boots=tuple(boots[-BOOTS_LIMIT:]),
        restarts=pod.restarts + (known is None and bool(others)),
        lost_seconds=max(0.0, lost),
        oom_killed_at=killed_at,
        oom_killed=killed,
    )


def _gaps(boots: list[Source]) -> float:
    return sum(max(0.0, later.started_at - earlier.at) for earlier, later in pairwise(boots))


def _oom_killed(pod: Pod, source: Source) -> tuple[float | None, int]:
    """When the kernel's count grew, and by how many."""
    newest = pod.newest
    if newest is not None and newest.resources is not None and source.resources is not None:
        before, after = newest.resources.oom_kills, source.resources.oom_kills
        if before is not None and after is not None and after > before:
            return source.at, after - before
    return pod.oom_killed_at, pod.oom_killed


def _with_pods(state: State, changed: Mapping[str, Pod], now: float) -> State:
    pods = {**state.pods, **changed}
    heard = [(one.newest.at if one.newest else one.refused_at or 0.0, key) for key, one in pods.items()]
    surplus = len(pods) - PODS_LIMIT
    if surplus > 0:
        heard.sort()
    gone = {key: at for n, (at, key) in enumerate(heard) if n < surplus or at < now - FORGET_AFTER_SECONDS}
    for uid in changed:
        gone.pop(uid, None)
    if not gone:
        return msgspec.structs.replace(state, pods=pods)
    return msgspec.structs.replace(
        state,
        pods={key: one for key, one in pods.items() if key not in gone},
        forgotten_until=max([*gone.values(), state.forgotten_until or 0.0]),
    )


_UNKNOWN = Pod()
_NOTHING_NEW = Source(
    pod_name="",
    boot_id="",
    started_at=0.0,
    sequence=0,
    at=0.0,
    configuration_generation=0,
    packed=NOTHING_PACKED,
    objectives={},
    live=Live(),
    interception=InterceptionState(mode="", reading=False),
)
"""Says that a report adds nothing."""
