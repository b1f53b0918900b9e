"""Which detectors people found too imprecise, and how many false alarms their verdicts allow for.

A detector is suspended for a kind only by enough verdicts of more than one person, and only when even the
upper bound of its precision is below its floor (`interactions.table`). A kind's limit is then not judged,
once all detectors that find it are suspended; what is found is counted on. Another version of a detector
begins without verdicts. That a suspension begins, and that it ends, is an Event each.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from llmmonitor_api.conditions import event_reasons
from llmmonitor_api.interactions.table import DETECTORS, DetectorFacts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.precision import Precision, precision
from llmmonitor_operator.evaluate.transitions import NORMAL, WARNING, Transition
from llmmonitor_operator.review_kept import ReviewKept, Subject

FEWEST_VERDICTS = 30
FEWEST_PEOPLE = 2


def suspended(kept: ReviewKept) -> dict[Subject, Precision]:
    """Each detector that is, by kind, with what was found of it."""
    found = {}
    for detector in DETECTORS:
        for kind in detector.kinds:
            subject = Subject(kind.name, detector.name, detector.version)
            known = precision(kept.subjects.get(subject.key, ()))
            if known is not None and _is_too_imprecise(detector, known):
                found[subject] = known
    return found


def noticed(kept: ReviewKept) -> tuple[ReviewKept, tuple[Transition, ...]]:
    """What is kept, with what is suspended now, and the Events of what was not at the last evaluation."""
    out = suspended(kept) if kept.subjects else {}
    now = tuple(sorted(subject.key for subject in out))
    if now == kept.suspended:
        return kept, ()
    begun = [_begun(one, known) for one, known in out.items() if one.key not in kept.suspended]
    ended = [_ended(kept, Subject.of(key)) for key in kept.suspended if key not in now]
    return msgspec.structs.replace(kept, suspended=now), (*begun, *ended)


def _begun(subject: Subject, known: Precision) -> Transition:
    text = f"{subject.kind} is not judged by it: {words(subject, known)}"
    return Transition(WARNING, event_reasons.DETECTOR_SUSPENDED, text)


def _ended(kept: ReviewKept, subject: Subject) -> Transition:
    known = precision(kept.subjects.get(subject.key, ()))
    why = "there are not enough verdicts on it"
    if known is not None:
        interval = f"95 % interval {wording.share(known.low)} to {wording.share(known.high)}"
        why = f"{wording.share(known.value)} of its findings are right ({interval}, n={known.verdicts})"
    text = f"{subject.kind} is judged by {subject.detector} {subject.version} again: {why}"
    return Transition(NORMAL, event_reasons.DETECTOR_RESUMED, text)


def words(subject: Subject, known: Precision) -> str:
    """Why it is suspended."""
    floor = next(one.precision_floor for one in DETECTORS if one.name == subject.detector)
    return (
        f"{subject.detector} {subject.version} is suspended: {wording.share(known.value)} of its findings are"
        f" right (95 % interval {wording.share(known.low)} to {wording.share(known.high)}, n={known.verdicts}"
        f" of {known.people} people), and {wording.share(floor)} must be"
    )


def suspended_limit(kept: ReviewKept, kind: str) -> str:
    """Why the limit of a kind is not judged, in words; empty while one detector of it is good enough."""
    if not kept.subjects:
        return ""
    detectors = [one for one in DETECTORS if kind in {each.name for each in one.kinds}]
    out = {
        subject.detector: words(subject, known)
        for subject, known in suspended(kept).items()
        if subject.kind == kind
    }
    return "; ".join(out.values()) if detectors and len(out) == len(detectors) else ""


def false_alarms_high(kept: ReviewKept, kind: str) -> float | None:
    """Of all exchanges, at most so many are flagged wrongly; None without enough verdicts on each detector.

    The share that a detector flagged while its cases were drawn, times the upper bound of what is wrong of
    that; summed over detectors, since one exchange may be flagged by several.
    """
    total = 0.0
    mine = [one for one in DETECTORS if kept.subjects and kind in {each.name for each in one.kinds}]
    for detector in mine:
        batches = kept.subjects.get(Subject(kind, detector.name, detector.version).key, ())
        known = precision(batches)
        flagged: dict[str, int] = defaultdict(int)
        looked_at: dict[str, int] = defaultdict(int)
        for batch in batches:
            flagged[batch.band] += batch.population if batch.of else 0
            looked_at[batch.band] += batch.of
        if known is None or known.verdicts < FEWEST_VERDICTS or not any(looked_at.values()):
            return None
        share = sum(flagged[band] / looked_at[band] for band in flagged if looked_at[band])
        total += (1 - known.low) * share
    return min(1.0, total) if mine else None


def _is_too_imprecise(detector: DetectorFacts, known: Precision) -> bool:
    enough = known.verdicts >= FEWEST_VERDICTS and known.people >= FEWEST_PEOPLE
    return enough and known.high < detector.precision_floor
