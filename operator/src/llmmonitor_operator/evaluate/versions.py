"""VersionsComparable: no version is worse than the one that it runs beside.

By `versions/`: what each pod runs, and how versions did. Of versions that ran one after the other only the
difference is said: what changed with the version changed with time too.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmmonitor_api.conditions import event_reasons
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.report.canaries import CanaryRound
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.spec.versions import VersionSource
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, PodStanding, Verdict, nothing_to_judge_by
from llmmonitor_operator.evaluate.transitions import NORMAL, Transition
from llmmonitor_operator.versions.before_after import HOURS_NEEDED, Difference, difference
from llmmonitor_operator.versions.canaries import Canaries
from llmmonitor_operator.versions.comparison import Comparison, Finding, bounds, findings, overall
from llmmonitor_operator.versions.fingerprint import parts
from llmmonitor_operator.versions.history import Change, Seen, Version, compared, newest_running

_SHOWN_PARTS = 4
_SAID = {
    Finding.WORSE: reasons.WORSE,
    Finding.BETTER: reasons.BETTER,
    Finding.ALIKE: reasons.NO_DIFFERENCE,
}


def canaries_of(pods: Iterable[PodStanding]) -> dict[str, CanaryRound]:
    """The newest rounds of canaries, by the UIDs of pods that are heard of."""
    return {
        pod.expected.uid: pod.source.probing.canaries
        for pod in pods
        if pod.fresh and pod.source and pod.source.probing and pod.source.probing.canaries
    }


def seen_of(pods: Iterable[PodStanding], by: VersionSource, canaries: Canaries) -> tuple[Seen, ...]:
    """What is known of the versions of pods that are heard of."""
    return tuple(
        Seen(
            pod.expected.uid,
            pod.name,
            parts(
                pod.expected.fingerprint,
                pod.source.engine,
                pod.source.system_fingerprint,
                by,
                {
                    "weight files": pod.source.resources.weight_files if pod.source.resources else "",
                    "canaries": canaries.model_of(pod.expected.uid),
                },
            ),
        )
        for pod in pods
        if pod.fresh and pod.source
    )


def clients_of(pods: Iterable[PodStanding]) -> dict[str, Clients]:
    """What is known of single clients, by the UIDs of pods that are heard of."""
    return {
        pod.expected.uid: pod.source.clients
        for pod in pods
        if pod.fresh and pod.source and pod.source.clients is not None
    }


def model_changed(change: Change) -> Transition:
    """The Event of it."""
    return Transition(NORMAL, event_reasons.MODEL_CHANGED, change.text)


def judge(inputs: Inputs) -> Verdict:
    """By what the versions that ran have met."""
    nothing = nothing_to_judge_by(inputs)
    if nothing:
        return nothing
    history = inputs.state.versions
    pair = compared(history)
    if pair is not None:
        older, newer = pair
        known = history.comparison
        decided = (
            known is not None
            and (known.older, known.newer) == (older.name, newer.name)
            and overall(known) in _SAID
        )
        if decided or older.name in history.running.values():
            return _side_by_side(inputs, older, newer)
        return _one_after_the_other(inputs, older, newer)
    running = next((one for one in history.versions if one.name in history.running.values()), None)
    if running is None:
        return Verdict(reasons.ONE_VERSION, f"no version is known yet: {_unknown(inputs)}")
    return Verdict(reasons.ONE_VERSION, f"version {_described(running)}, the only one so far")


def _side_by_side(inputs: Inputs, older: Version, newer: Version) -> Verdict:
    """By the comparison of their clients, if there is one; it holds on when the older one has gone."""
    title = f"version {newer.name} beside {older.name}"
    settings = inputs.settings.versions
    known = inputs.state.versions.comparison
    if known is None or (known.older, known.newer) != (older.name, newer.name) or not known.evidence:
        if not settings.client_header:
            why = "clients cannot be told apart, and requests of one are alike: give privacy.clientHeader"
        else:
            why = f"no client has been told apart by {settings.client_header} for ten minutes yet"
        return Verdict(reasons.INCONCLUSIVE, f"{title}: {why}")
    names = {one.key: one.name for one in inputs.settings.objectives}
    found = {measure: one for measure, one in enumerate(findings(known)) if one is not None}
    told = overall(known)
    shown = [m for m, one in found.items() if one is told] if told is Finding.WORSE else list(found)
    texts = [comparison_text(names.get(known.measures[m], known.measures[m]), known, m) for m in shown]
    message = (
        f"{title}: {'; '.join(texts) or 'no request has been judged'} (95 % for all of them at all times,"
        f" margin {wording.number(100 * settings.margin)} points)"
    )
    return Verdict(_SAID.get(told, reasons.INCONCLUSIVE), message)


def comparison_text(name: str, comparison: Comparison, measure: int) -> str:
    """`errors: 4.2 points more bad (1.1 to 8, n=412 pairs of clients)`."""
    evidence, low, high = bounds(comparison, measure)
    sign = 1 if evidence.mean >= 0 else -1
    ends = sorted((100 * sign * low, 100 * sign * high))
    return (
        f"{name}: {wording.number(100 * abs(evidence.mean))} points {'more' if sign > 0 else 'less'} bad"
        f" ({wording.number(ends[0], 2)} to {wording.number(ends[1], 2)},"
        f" n={wording.counted(evidence.n, 'pair')} of clients)"
    )


def _one_after_the_other(inputs: Inputs, older: Version, newer: Version) -> Verdict:
    title = f"version {newer.name} after {older.name}"
    found = differences(inputs, older, newer)
    margin = inputs.settings.versions.margin
    changed = [one for one in found if max(one[1].low, -one[1].high) > margin]
    if changed:
        texts = [difference_text(name, one) for name, one in changed]
        return Verdict(
            reasons.CONFOUNDED_BY_TIME,
            f"{title}: {'; '.join(texts)} (95 % interval between hours, margin {wording.share(margin)})."
            " The two did not run at the same time, which may be the cause",
        )
    if not found:
        return Verdict(
            reasons.INCONCLUSIVE,
            f"{title}: a comparison in time needs {HOURS_NEEDED} hours with requests of both; these have"
            f" {_hours(older)} and {_hours(newer)}",
        )
    texts = [difference_text(name, one) for name, one in found]
    return Verdict(
        reasons.INCONCLUSIVE,
        f"{title}: no change beyond the margin of {wording.share(margin)} is seen: {'; '.join(texts)};"
        " the two did not run at the same time, so nothing is said of the versions",
    )


def differences(inputs: Inputs, older: Version, newer: Version) -> list[tuple[str, Difference]]:
    """By name of each objective of which enough hours of both are known."""
    objectives = inputs.settings.objectives
    found = [
        (
            one.name,
            difference(older.hours.get(one.key, {}), newer.hours.get(one.key, {}), len(objectives)),
        )
        for one in objectives
    ]
    return [(name, one) for name, one in found if one is not None]


def difference_text(name: str, one: Difference) -> str:
    """`errors 1.2 % bad before, 9.8 % after (difference 7.1 to 10 points, n=4,210)`."""
    low, high = (wording.number(100 * end, 2) for end in (one.low, one.high))
    return (
        f"{name} {wording.share(one.before)} bad before, {wording.share(one.after)} after"
        f" (difference {low} to {high} points, n={wording.count(one.events)})"
    )


def _hours(version: Version) -> int:
    return max(map(len, version.hours.values()), default=0)


def _described(version: Version) -> str:
    """Its name, and a few of the parts that it is known by."""
    shown = [f"{name} {text}" for name, text in version.parts.items() if len(text) <= 40]  # noqa: PLR2004 - a line
    more = f" and {len(version.parts) - _SHOWN_PARTS} more" if len(version.parts) > _SHOWN_PARTS else ""
    return f"{version.name} ({', '.join(shown[:_SHOWN_PARTS])}{more})" if shown else version.name


def _unknown(inputs: Inputs) -> str:
    versions = inputs.settings.versions
    if versions.by is VersionSource.LABEL:
        return f"no pod has the label {versions.label} (spec.versions.label)"
    if versions.by is VersionSource.IMAGE:
        return "no pod says its image's digest"
    return "neither image, arguments nor engine say anything of it"


def begun_within(inputs: Inputs, seconds: float) -> str:
    """`version b, begun 2026-01-02T03:04:05Z`: the newest that runs, if the model changed so lately."""
    version, changed_at = newest_running(inputs.state.versions), inputs.state.versions.changed_at
    if version is None or changed_at is None or inputs.now - changed_at > seconds:
        return ""
    return f"version {version.name}, begun {wording.moment(changed_at)}"
