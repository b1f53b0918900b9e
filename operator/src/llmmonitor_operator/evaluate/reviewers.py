"""`status.reviewers`: where people look at cases, how many wait, and what was judged of each detector."""

from __future__ import annotations

import base64

from llmmonitor_api.status import DetectorReview, ReviewersStatus
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.review_kept import Subject

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
        detectors=tuple(
            DetectorReview(
                detector=name_of(Subject.of(key)), verdicts=sum(len(one.judged) for one in batches)
            )
            for key, batches in sorted(kept.subjects.items())
        )[:_LIMIT],
    )


def name_of(subject: Subject) -> str:
    """For people: `injection-model 1: jailbreak`."""
    if not subject.kind:
        return UNFLAGGED
    return f"{subject.detector} {subject.version}: {subject.kind}"
