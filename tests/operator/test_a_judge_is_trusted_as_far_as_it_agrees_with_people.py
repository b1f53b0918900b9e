"""Given grades of a judging model, when a monitor is judged, then they count only if people agree with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import Watch
from tests.operator.test_probes_are_judged_by_whole_rounds import Asked, result

from llmmonitor_api.report.probing import GRADED_BAD, GRADED_GOOD, ProbeResult
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.evaluate.agreement import Agreement
from llmmonitor_operator.evaluate.quality_status import quality_status

Said = Callable[[Evaluation, str], tuple[str, str, str]]
QUALITY = "QualityHealthy"
POLITE = {"name": "polite", "prompt": "Where is my parcel?", "expect": {"judged": "It is polite."}}
SUM = {"name": "sum", "prompt": "2+2?", "expect": {"number": {"value": 4}}}


def labelled(many: int) -> list[dict[str, Any]]:
    return [
        {"name": f"l{n}", "rubric": "It is polite.", "question": "?", "answer": f"a{n}", "good": n % 2 == 0}
        for n in range(many)
    ]


def graded(right: int, wrong: int = 0) -> list[ProbeResult]:
    """Of good and of bad answers each: so many that the judge calls so, and so many that it does not."""
    return [
        ProbeResult(f"{suite}{n}", suite, passed=int(says_good), failed=int(not says_good))
        for suite, good in ((GRADED_GOOD, True), (GRADED_BAD, False))
        for n in range(right + wrong)
        for says_good in [good == (n < right)]
    ]


@pytest.fixture
def asked(watch: Callable[..., Watch]) -> Callable[..., Asked]:
    def make(*probes: dict[str, Any], **judge: Any) -> Asked:
        endpoint = {"url": "http://judge/v1", "model": "big", "labelled": labelled(40)} | judge
        return Asked(watch(quality={"schedule": "1h", "probes": list(probes), "judge": endpoint}))

    return make


def test_a_judge_that_agrees_with_people_decides(asked: Callable[..., Asked], said: Said) -> None:
    one = asked(POLITE, SUM)

    found = one.round(*graded(19, 1), result("polite", 0, 1, broken="judged"), result("sum"))

    status, reason, message = said(found, QUALITY)
    assert (status, reason) == ("False", "ProbeFailed")
    assert "polite: 1 of 1 answer failed (judged)" in message


def test_one_that_does_not_is_shown_and_decides_nothing(asked: Callable[..., Asked], said: Said) -> None:
    one = asked(POLITE, SUM)

    found = one.round(*graded(13, 7), result("polite", 0, 1, broken="judged"), result("sum"))

    status, reason, message = said(found, QUALITY)
    assert (status, reason) == ("True", "ProbesPass")
    assert "agrees too little with people: 65 % (50–77) of 20" in message  # noqa: RUF001 - a range
    assert "20 good and 20 bad answers (at least 75 %)" in message
    assert "not judged by it: polite 0 of 1 good" in message
    shown = quality_status(found.inputs)
    assert shown is not None
    assert shown.judge_agreement is not None
    assert (shown.judge_agreement.value, shown.judge_agreement.count) == (0.65, 40)
    assert {probe.name for probe in shown.probes} == {"polite", "sum"}


@pytest.mark.parametrize("grades", [[], graded(9)])
def test_without_enough_labelled_answers_nothing_is_trusted(
    asked: Callable[..., Asked], said: Said, grades: list[ProbeResult]
) -> None:
    found = asked(POLITE).round(*grades, result("polite", 1))

    status, reason, message = said(found, QUALITY)
    assert (status, reason) == ("Unknown", "JudgeNotTrusted")
    assert "10 of each are needed" in message
    assert said(found, "Healthy")[0] != "False"


def test_a_judge_that_changes_its_mind_is_no_regression_of_the_model(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked(SUM)
    one.round(*graded(20), result("sum"))
    for _ in range(2):
        found = one.round(*graded(0, 20), result("sum"))

    assert said(found, QUALITY)[1] == "ProbesPass"


def test_a_judge_that_likes_everything_agrees_by_half() -> None:
    flatterer = Agreement(good=40, good_right=40, bad=10, bad_right=0, least=0.75)

    assert flatterer.value == 0.5
    assert not flatterer.trusted


def test_ten_of_each_without_a_mistake_suffice_and_a_sure_interval_is_left() -> None:
    perfect = Agreement(good=10, good_right=10, bad=10, bad_right=10, least=0.75)

    low, high = perfect.interval
    assert perfect.trusted
    assert 0.78 < low < 0.83
    assert high == 1.0


def test_labelled_answers_go_to_the_sidecars_good_ones_first(asked: Callable[..., Asked]) -> None:
    plan = configuration_for(asked(POLITE).watch.monitor).probes

    assert plan is not None
    assert (len(plan.labelled), plan.labelled_good) == (40, 20)
    assert [one.answer for one in plan.labelled[:2]] == ["a0", "a2"]
    assert plan.judge is not None
    assert plan.probes[0].expected.judged == "It is polite."


def test_labelled_answers_that_do_not_fit_are_left_out_of_both_kinds_alike(
    asked: Callable[..., Asked],
) -> None:
    long = [one | {"answer": "x" * 4000} for one in labelled(50)]

    plan = configuration_for(asked(POLITE, labelled=long).watch.monitor).probes

    assert plan is not None
    assert 8 <= len(plan.labelled) <= 10
    assert abs(2 * plan.labelled_good - len(plan.labelled)) <= 1


@pytest.mark.parametrize(("good", "bad"), [(10, 10), (10, 40)])
def test_a_judge_that_is_no_better_than_its_limit_is_hardly_ever_trusted(good: int, bad: int) -> None:
    """By all outcomes that there are and their chances: no draw, no luck."""
    trusted = [
        (a, b)
        for a in range(good + 1)
        for b in range(bad + 1)
        if Agreement(good=good, good_right=a, bad=bad, bad_right=b, least=0.75).trusted
    ]

    for of_good, of_bad in ((0.75, 0.75), (0.55, 0.95), (0.95, 0.55), (0.99, 0.5), (0.6, 0.8)):
        chance = sum(exactly(a, good, of_good) * exactly(b, bad, of_bad) for a, b in trusted)
        assert chance <= 0.025


def exactly(right: int, many: int, share: float) -> float:
    return math.comb(many, right) * share**right * (1 - share) ** (many - right)
