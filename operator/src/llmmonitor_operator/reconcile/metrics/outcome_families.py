"""The metric families of the outcomes of live traffic: counters of all replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_api.report.live_outcomes import VERDICTS
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.outcomes_kept import GIVEN, WITHDRAWN
from llmmonitor_operator.reconcile.metrics.shapes import Family

_WIRE = (("regenerated", "compared"), ("rephrased", "followed"), ("stopped", "begun"))


def outcome_families(figures: Mapping[Key, Mapping[str, int]], counter: Family) -> Iterator[Metric]:
    """All of them; those without samples too."""
    counted = {key: one for key, one in figures.items() if one}
    for name, text, prefix in (
        ("feedback", "Feedback given of answers, by what it says; later feedback of an answer too.", GIVEN),
        ("feedback_withdrawn", "Feedback that later feedback of the same answer replaced.", WITHDRAWN),
    ):
        yield counter(
            name,
            text,
            ("verdict",),
            (
                ((*key, verdict), one.get(prefix + verdict, 0))
                for key, one in counted.items()
                for verdict in VERDICTS
            ),
        )
    yield counter(
        "feedback_unmatched",
        "Feedback of an id that no answer of the replica had, or that several had.",
        ("why",),
        (((*key, why), one.get(why, 0)) for key, one in counted.items() for why in ("unknown", "ambiguous")),
    )
    yield counter(
        "outcome_answers",
        "Complete answers: all, those that bore an id, and those that feedback was given of.",
        ("state",),
        (
            ((*key, state), one.get(name, 0))
            for key, one in counted.items()
            for state, name in (("complete", "answers"), ("identified", "identified"), ("rated", "rated"))
        ),
    )
    yield counter(
        "outcome_observed",
        "Of what each outcome on the wire is a share: requests, those that go on after an answer, streams.",
        ("outcome",),
        (((*key, name), one.get(of, 0)) for key, one in counted.items() for name, of in _WIRE),
    )
    yield counter(
        "outcomes",
        "Those of them in which it was seen: asked again, asked in other words, stopped by the client.",
        ("outcome",),
        (((*key, name), one.get(name, 0)) for key, one in counted.items() for name, _ in _WIRE),
    )
    yield counter(
        "outcome_repeated_requests",
        "Requests that came so often that a program sends them; in no outcome.",
        (),
        ((key, one.get("repeated", 0)) for key, one in counted.items()),
    )
