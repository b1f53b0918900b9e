"""What people make of answers: feedback, and what they do on the wire."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from llmmonitor_api.report.live_outcomes import VERDICTS, LiveOutcomes
from llmmonitor_sidecar.endpoints.metrics.shapes import counter, one


def families(counts: LiveOutcomes) -> Iterator[Metric]:
    """Every family about outcomes of live traffic; without samples where none is counted."""
    counted = counts != LiveOutcomes()
    yield counter(
        "llm_monitor_feedback",
        "Feedback given of answers, by what it says; later feedback of the same answer counts again.",
        (({"verdict": verdict}, counts.given.get(verdict, 0)) for verdict in VERDICTS if counted),
    )
    yield counter(
        "llm_monitor_feedback_withdrawn",
        "Feedback that later feedback of the same answer replaced, by what it said.",
        (({"verdict": verdict}, counts.withdrawn.get(verdict, 0)) for verdict in VERDICTS if counted),
    )
    yield counter(
        "llm_monitor_feedback_unmatched",
        "Feedback of an id that no answer had, or that several had.",
        (
            ({"why": why}, many)
            for why, many in (("unknown", counts.unknown), ("ambiguous", counts.ambiguous))
            if counted
        ),
    )
    states = (("complete", counts.answers), ("identified", counts.identified), ("rated", counts.rated))
    yield counter(
        "llm_monitor_outcome_answers",
        "Complete answers: all, those that bore an id, and those that feedback was given of.",
        (({"state": state}, many) for state, many in states if counted),
    )
    found = (
        ("regenerated", counts.compared, counts.regenerated),
        ("rephrased", counts.followed, counts.rephrased),
        ("stopped", counts.begun, counts.stopped),
    )
    yield counter(
        "llm_monitor_outcome_observed",
        "Of what each outcome on the wire is a share: requests, those that go on after an answer, streams.",
        (({"outcome": name}, observed) for name, observed, _ in found if counted),
    )
    yield counter(
        "llm_monitor_outcomes",
        "Those of them in which it was seen: asked again, asked in other words, stopped by the client.",
        (({"outcome": name}, seen) for name, _, seen in found if counted),
    )
    yield counter(
        "llm_monitor_outcome_repeated_requests",
        "Requests that came so often that a program sends them; in no outcome.",
        one(counts.repeated) if counted else (),
    )
