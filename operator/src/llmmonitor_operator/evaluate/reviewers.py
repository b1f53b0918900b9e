"""`status.reviewers`: where people look at cases, how many wait, and what was judged of each detector."""

from __future__ import annotations

import base64

from llmmonitor_api.status import DetectorReview, Estimate, ReviewersStatus
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.precision import precision
from llmmonitor_operator.evaluate.suspension import suspended
from llmmonitor_operator.review_kept import Batch, ReviewKept, Subject

_LIMIT = 20
UNFLAGGED = "none (unflagged exchanges)"


def reviewers_status(inputs: Inputs) -> ReviewersStatus | None:
    """None where no operator answers people and nobody ever judged anything."""
    environment, kept = inputs.environment, inputs.state.review
    service = environment.people_service
    if not service and not kept.people:
        return None
    waiting = [one.review.waiting for _, one in inputs.fresh if one.review is not None]
    return ReviewersStatus(
        operator=f"{environment.operator_namespace}/{service}" if service else None,
        key=base64.b64encode(environment.people_key).decode() if service else None,
        waiting=sum(waiting),
        people=len(kept.people),
        detectors=_detectors(kept),
    )


def _detectors(kept: ReviewKept) -> tuple[DetectorReview, ...]:
    out = suspended(kept)
    return tuple(
        DetectorReview(
            detector=name_of(subject),
            verdicts=sum(len(one.judged) for one in batches),
            precision=_estimate(batches),
            suspended=subject in out,
        )
        for subject, batches in sorted((Subject.of(key), batches) for key, batches in kept.subjects.items())
    )[:_LIMIT]


def _estimate(batches: tuple[Batch, ...]) -> Estimate | None:
    known = precision(batches)
    if known is None:
        return None
    return Estimate(value=known.value, low=known.low, high=known.high, count=known.verdicts)


def name_of(subject: Subject) -> str:
    """For people: `injection-model 1: jailbreak`."""
    if not subject.kind:
        return UNFLAGGED
    return f"{subject.detector} {subject.version}: {subject.kind}"
