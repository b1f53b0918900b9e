from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import START, Replica, Watch

from llmmonitor_api.report.probing import ProbeResult, ProbeRound, Probing
from llmmonitor_api.status import MonitorStatus
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.evaluate.probes import Change
from llmmonitor_operator.evaluate.quality_status import quality_status
from llmmonitor_operator.gather.probes import with_probes
from llmmonitor_operator.quality_kept import QualityKept

Said = Callable[[Evaluation, str], tuple[str, str, str]]
QUALITY = "QualityHealthy"
PROBES = [
    {"name": "sum", "prompt": "2+2?", "expect": {"number": {"value": 4}}},
    {"name": "city", "prompt": "Capital of France?", "expect": {"contains": "Paris"}, "repeats": 3},
]


def result(name: str, passed: int = 1, failed: int = 0, suite: str = "", **more: Any) -> ProbeResult:
    return ProbeResult(name, suite, passed, failed, **more)


class Asked:
    """A monitor with probes, one replica, and rounds as its sidecar says them."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.replica: Replica = watch.replica()
        self.digest = settings_for(watch.monitor).quality.digest
        self.rounds: list[ProbeRound] = []

    def round(
        self, *results: ProbeResult, items: int = 0, version: str = "m", hours: int = 1, **more: Any
    ) -> Evaluation:
        self.watch.now += 3600.0 * hours
        started = self.watch.now
        self.rounds = [
            *self.rounds,
            ProbeRound(started, version, items or len(results), started + 5, tuple(results)),
        ][-2:]
        return self.report(**more)

    def report(self, **more: Any) -> Evaluation:
        probing = Probing(plan=self.digest, of=1, version="m", rounds=tuple(self.rounds))
        self.replica.probing = msgspec.structs.replace(probing, **more)
        return self.watch.gather([self.replica], 10.0)


@pytest.fixture
def asked(watch: Callable[..., Watch]) -> Callable[..., Asked]:
    def make(**quality: Any) -> Asked:
        quality = {"schedule": "1h", "probes": PROBES} | quality
        return Asked(watch(quality=quality))

    return make


def test_without_probes_nothing_is_judged(watch: Callable[..., Watch], said: Said) -> None:
    one = watch()

    assert said(one.gather([one.replica()]), QUALITY)[:2] == ("Unknown", "NotConfigured")


def test_probes_are_pending_until_a_round_is_whole(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()

    status, reason, message = said(one.report(next_round=START + 60), QUALITY)
    assert (status, reason) == ("Unknown", "ProbesPending")
    assert "the next round begins at 2027-01-15T08:01:00Z" in message
    waiting = one.round(result("sum"), items=2, waits="saturated", message="3 requests wait for the engine")
    assert said(waiting, QUALITY)[1:] == (
        "ProbesPending",
        "1 of 2 probes are done; chat-0: 3 requests wait for the engine",
    )


def test_a_whole_round_that_passed_is_healthy_and_says_how_many_it_was(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked()

    status, reason, message = said(one.round(result("sum"), result("city", 2, 1)), QUALITY)

    assert (status, reason) == ("True", "ProbesPass")
    assert message.startswith("2 of 2 probes pass; round ended ")
    assert message.endswith("(n=2 of 2)")


def test_a_probe_fails_when_most_of_its_answers_do_and_says_what_was_broken(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked()

    found = one.round(result("sum"), result("city", 1, 2, broken="contains"))

    assert said(found, QUALITY)[1] == "ProbeFailed"
    assert said(found, QUALITY)[2].startswith("city: 2 of 3 answers failed (contains); round ended")
    assert said(found, "Healthy")[:2] == ("False", "ProbeFailed")
    assert said(one.round(result("sum"), result("city", 3)), QUALITY)[1] == "ProbesPass"


def test_an_incomplete_round_changes_nothing(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()
    one.round(result("sum"), result("city", 3))

    assert said(one.round(result("sum", 0, 1), items=2), QUALITY)[1] == "ProbesPass"


def test_answers_that_did_not_come_are_named_and_not_called_wrong(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked()

    some = said(one.round(result("sum"), result("city", 0, unanswered=3, broken="HTTP 500")), QUALITY)
    none = said(
        one.round(*[result(name, 0, unanswered=1, broken="HTTP 500") for name in ("sum", "city")]), QUALITY
    )

    assert some[1] == "ProbesPass"
    assert "not answered: city (HTTP 500)" in some[2]
    assert none[:2] == ("Unknown", "ProbesPending")
    assert "none of 2 probes got an answer: city (HTTP 500), sum (HTTP 500)" in none[2]


def test_a_refused_credential_is_said_with_the_pod(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()
    one.round(result("sum"), result("city", 3))

    found = one.report(waits="unauthorized", message="the model server answers HTTP 401 to probes")

    assert said(found, QUALITY) == (
        "Unknown",
        "ProbesUnauthorized",
        "chat-0: the model server answers HTTP 401 to probes",
    )


def test_a_round_of_long_ago_says_nothing_of_now(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()
    one.round(result("sum"), result("city", 3))

    one.watch.now += 2.9 * 3600
    assert said(one.report(), QUALITY)[1] == "ProbesPass"
    one.watch.now += 0.2 * 3600
    assert said(one.report(), QUALITY)[1] == "ProbesPending"


def test_a_sidecar_of_a_version_without_probes_is_named(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()

    found = one.watch.gather([one.replica])

    assert said(found, QUALITY)[1:] == (
        "ProbesPending",
        "no round yet; chat-0: its sidecar is of a version that sends no probes",
    )


def suite_results(passed: int, items: int = 10, suite: str = "facts") -> list[ProbeResult]:
    return [result(f"{suite}-{n}", int(n < passed), int(n >= passed), suite) for n in range(items)]


def test_a_suite_fails_only_when_its_whole_interval_is_below_what_is_wanted(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked(probes=[], suites=["facts"])

    assert said(one.round(*suite_results(3)), QUALITY)[1] == "ProbesPass"  # up to 60 % may be true
    found = one.round(*suite_results(1))
    assert said(found, QUALITY)[1] == "ProbeFailed"
    assert said(found, QUALITY)[2].startswith("facts 1 of 10 (1.8–40 %) items pass, less than 50 %")  # noqa: RUF001


def test_the_owner_says_how_many_items_must_pass(asked: Callable[..., Asked], said: Said) -> None:
    one = asked(probes=[], suites=["facts"], minPassed="5%")

    assert said(one.round(*suite_results(1)), QUALITY)[1] == "ProbesPass"


def test_a_version_is_held_against_the_last_round_of_the_one_before(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked(probes=[], suites=["facts"], minPassed="1%")
    one.round(*suite_results(10))
    one.round(*suite_results(9))

    first = one.round(*suite_results(1), version="m2")
    second = one.round(*suite_results(1), version="m2")

    assert said(first, QUALITY)[1] == "ProbesPass"  # one round might be chance
    status, reason, message = said(second, QUALITY)
    assert (status, reason) == ("False", "Regressed")
    assert message.startswith("8 of 10 items got worse and 0 better (p=0.0039) since the round of")
    assert " of m; round ended" in message
    assert said(one.round(*suite_results(9), version="m2"), QUALITY)[1] == "ProbesPass"


def test_a_version_is_held_against_its_own_first_round_while_there_is_no_other(
    asked: Callable[..., Asked], said: Said
) -> None:
    one = asked(probes=[], suites=["facts"], minPassed="1%")
    one.round(*suite_results(10))

    found = [said(one.round(*suite_results(2)), QUALITY)[1] for _ in range(4)]

    assert found == ["ProbesPass", "Regressed", "Regressed", "Regressed"]


def test_few_changes_are_no_regression() -> None:
    assert Change(worse=6, better=0, same=100).p == pytest.approx(1 / 64)
    assert Change(worse=7, better=0, same=100).p < 0.01
    assert Change(worse=7, better=7, same=0).p > 0.5
    assert Change(0, 0, 9).p == 1.0


def test_another_plan_begins_anew(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()
    one.round(result("sum"), result("city", 3))
    one.digest = "another"

    assert said(one.report(), QUALITY)[1] == "ProbesPass"  # still by the plan that is in force
    other = asked(probes=PROBES[:1])
    other.watch.state = one.watch.state
    assert said(other.watch.judge(), QUALITY)[1] == "ProbesPending"


def probing(*results: ProbeResult, started: float = START, plan: str = "p", items: int = 2) -> Probing:
    return Probing(plan=plan, rounds=(ProbeRound(started, "m", items, started + 1, results),))


def test_replicas_parts_make_one_round_in_any_order_and_read_any_number_of_times() -> None:
    one, other = probing(result("sum")), probing(result("city"))

    kept = with_probes(QualityKept(), [one, other, one], START + 9)

    assert kept == with_probes(QualityKept(), [other, one], START + 9)
    assert kept.rounds[0].complete
    assert with_probes(kept, [one, other], START + 9) is kept


def test_of_one_question_asked_twice_the_one_with_more_answers_counts() -> None:
    kept = with_probes(
        QualityKept(), [probing(result("sum", 0, 0, unanswered=1)), probing(result("sum", 0, 1))], START + 9
    )

    assert kept.rounds[0].results["/sum"].failed == 1


def test_a_round_from_the_future_is_not_taken() -> None:
    assert with_probes(QualityKept(), [probing(result("sum"), started=START + 999)], START) == QualityKept()


def test_rounds_without_a_schedule_follow_those_that_had_one() -> None:
    """Their name is 0 and no time: they were older than all that had one, and went at once."""
    kept = QualityKept()
    for hour in range(5):
        begun = START + 3600.0 * hour
        kept = with_probes(kept, [probing(result("sum"), result("city"), started=begun)], begun + 10)

    after = START + 6 * 3600.0
    part = ProbeRound(0.0, "m", 2, after, (result("sum"), result("city")))
    kept = with_probes(kept, [Probing(plan="without", of=1, rounds=(part,))], after)

    assert [one.plan for one in kept.rounds] == ["p", "p", "p", "without"]
    assert kept.baseline == kept.rounds[-1]


def test_the_status_has_each_probe_and_suite_and_no_word_of_an_answer(asked: Callable[..., Asked]) -> None:
    one = asked(suites=["facts"])

    found = one.round(result("sum", 0, 1, broken="number"), result("city", 3), *suite_results(4))

    shown = quality_status(found.inputs)
    assert shown is not None
    assert [(each.name, each.passed, each.failed, each.message) for each in shown.probes] == [
        ("city", 3, 0, ""),
        ("sum", 0, 1, "number"),
    ]
    assert shown.suites[0].passed is not None
    assert (shown.suites[0].passed.value, shown.suites[0].passed.count) == (0.4, 10)
    assert MonitorStatus.model_validate(found.status, by_alias=True).quality is not None


def test_rounds_outlive_the_operator(asked: Callable[..., Asked], said: Said) -> None:
    one = asked()
    one.round(result("sum", 0, 1, broken="number"), result("city", 3))

    one.watch.state = decode(encode(one.watch.state).data)

    assert said(one.watch.judge(), QUALITY)[1] == "ProbeFailed"
