from __future__ import annotations

import pytest
from tests.operator.conftest import START

from llmmonitor_api.interactions.table import PII
from llmmonitor_operator.evaluate.suspension import false_alarms_high, suspended, suspended_limit
from llmmonitor_operator.review_kept import Batch, Judged, ReviewKept, Subject

PII_EXPOSED = Subject("piiExposed", PII.name, PII.version)


def kept(
    right: int, wrong: int, *, people: int = 2, subject: Subject = PII_EXPOSED, of: int = 0
) -> ReviewKept:
    """Verdicts on cases of as many clients, given in turn, each of a batch of its own."""
    said = ["right"] * right + ["wrong"] * wrong
    batches = tuple(
        Batch(str(n), 10, 1, START, (Judged(verdict, n % people, n),), "suspected", of)
        for n, verdict in enumerate(said)
    )
    return ReviewKept(tuple(f"person {n}" for n in range(people)), {subject.key: batches}, len(said))


def test_enough_verdicts_of_two_people_suspend_what_is_surely_too_imprecise() -> None:
    assert list(suspended(kept(3, 27))) == [PII_EXPOSED]
    words = suspended_limit(kept(3, 27), "piiExposed")
    assert "pii 1 is suspended: 10 %" in words
    assert "n=30 of 2 people" in words
    assert "50 %" in words


@pytest.mark.parametrize(
    ("verdicts", "why"),
    [
        (kept(2, 27), "29 verdicts"),
        (kept(3, 27, people=1), "one person"),
        (kept(12, 18), "the upper bound is above the floor"),
        (kept(3, 27, subject=PII_EXPOSED._replace(version=99)), "another version"),
    ],
)
def test_less_suspends_nothing(verdicts: ReviewKept, why: str) -> None:
    assert not suspended(verdicts), why
    assert not suspended_limit(verdicts, "piiExposed")


def test_a_kind_with_another_detector_that_is_good_enough_is_judged_on() -> None:
    rules = Subject("jailbreak", "injection-rules", 1)
    assert suspended(kept(0, 60, subject=rules))

    assert not suspended_limit(kept(0, 60, subject=rules), "jailbreak")


def test_false_alarms_are_those_that_verdicts_allow_for() -> None:
    assert false_alarms_high(kept(3, 20, of=1_000), "piiExposed") is None  # too few
    assert false_alarms_high(kept(15, 25), "piiExposed") is None  # nobody told of how many

    found = false_alarms_high(kept(20, 20, of=1_000), "piiExposed")

    assert found == pytest.approx(0.01 * (1 - 0.338), rel=0.01)  # 10 of 1,000 flagged; Clopper and Pearson
