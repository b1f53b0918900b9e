"""Given what people make of answers, when a monitor is judged, then it fails beyond chance alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import START, Replica, Watch

from llmmonitor_api.report.live_outcomes import LiveOutcomes
from llmmonitor_api.report.report import Engine
from llmmonitor_api.status import MonitorStatus
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.evaluate.outcomes import FEWEST
from llmmonitor_operator.outcomes_kept import OutcomesKept, with_outcomes
from llmmonitor_operator.state import State

Said = Callable[[Evaluation, str], tuple[str, str, str]]
QUALITY = "QualityHealthy"
SMALL = Engine("llama.cpp", version="b6", model="chat", weights="parameters 134515008")
LARGE = Engine("llama.cpp", version="b6", model="chat", weights="parameters 268098176")
HOUR = 3600.0


class Liked:
    """A monitor with limits of outcomes, and one replica."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.replica: Replica = watch.replica()
        watch.gather([self.replica], 10.0)

    @property
    def counts(self) -> LiveOutcomes:
        return self.replica.totals.live_outcomes

    def rated(self, positive: int = 0, negative: int = 0, neutral: int = 0) -> None:
        for verdict, many in (("positive", positive), ("negative", negative), ("neutral", neutral)):
            self.counts.given[verdict] = self.counts.given.get(verdict, 0) + many
        self.counts.rated += positive + negative + neutral

    def answered(self, answers: int) -> None:
        self.counts.requests += answers
        self.counts.answers += answers
        self.counts.identified += answers

    def asked(self, compared: int, regenerated: int) -> None:
        self.counts.requests += compared
        self.counts.compared += compared
        self.counts.regenerated += regenerated

    def report(self, hours: float = 0.01) -> Evaluation:
        return self.watch.gather([self.replica], hours * HOUR)


@pytest.fixture
def liked(watch: Callable[..., Watch]) -> Callable[..., Liked]:
    def make(quality: dict[str, Any] | None = None, **outcomes: Any) -> Liked:
        outcomes = outcomes or {"minPositive": "80%"}
        return Liked(watch(quality={"outcomes": outcomes, **(quality or {})}))

    return make


def test_too_much_dislike_is_said_with_share_interval_limit_and_response_rate(
    liked: Callable[..., Liked], said: Said
) -> None:
    monitor = liked()
    monitor.answered(3000)
    monitor.rated(positive=60, negative=50, neutral=10)

    status, reason, message = said(monitor.report(), QUALITY)

    assert (status, reason) == ("False", "OutcomesPoor")
    assert message == (
        "over 1 d: positive feedback 50 % (41–59) of 120 (at least 80 %); 4 % of 3,000 answers rated"  # noqa: RUF001 - ranges
    )


def test_less_than_wanted_by_chance_alone_is_no_verdict_against_the_model(
    liked: Callable[..., Liked], said: Said
) -> None:
    monitor = liked()
    monitor.answered(100)
    monitor.rated(positive=23, negative=7)

    status, reason, _ = said(monitor.report(), QUALITY)

    assert (status, reason) == ("True", "OutcomesHold"), "77 % of 30 may well be 80 %"


def test_a_few_angry_people_are_not_judged_by(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked()
    monitor.answered(100)
    monitor.rated(negative=FEWEST - 1)

    result = monitor.report()
    status, reason, message = said(result, QUALITY)

    assert (status, reason) == ("Unknown", "FewOutcomes")
    assert message.endswith(f"{FEWEST} of one are judged")
    assert said(result, "Healthy")[0] != "False"


def test_feedback_that_was_replaced_does_not_count_twice(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked()
    monitor.rated(positive=50)
    monitor.report()
    monitor.counts.withdrawn["positive"] = 40
    monitor.rated(negative=40)

    assert "positive feedback 20 % (11–33) of 50" in said(monitor.report(), QUALITY)[2]  # noqa: RUF001 - a range


@pytest.mark.parametrize(
    ("limit", "counts", "words"),
    [
        ("maxRegenerated", {"compared": 400, "regenerated": 60}, "regenerated 15 % (12–19) of 400"),  # noqa: RUF001
        ("maxRephrased", {"followed": 200, "rephrased": 40}, "rephrased 20 % (15–26) of 200"),  # noqa: RUF001
        ("maxStopped", {"begun": 1000, "stopped": 150}, "stopped 15 % (13–17) of 1,000"),  # noqa: RUF001
    ],
)
def test_what_they_do_on_the_wire_is_judged_apart(
    liked: Callable[..., Liked], said: Said, limit: str, counts: dict[str, int], words: str
) -> None:
    monitor = liked(**{limit: "10%", "minPositive": "50%"})
    monitor.rated(positive=100)
    for name, many in counts.items():
        setattr(monitor.counts, name, many)

    status, reason, message = said(monitor.report(), QUALITY)

    assert (status, reason) == ("False", "OutcomesPoor")
    assert f"{words} (at most 10 %)" in message
    assert "positive" not in message


def test_at_its_limit_a_share_turns_the_condition_once(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked(maxRegenerated="10%")
    monitor.asked(1000, 125)
    assert said(monitor.report(), QUALITY)[1] == "OutcomesPoor"

    monitor.asked(1000, 90)
    assert said(monitor.report(), QUALITY)[1] == "OutcomesPoor", "10.8 % are still too many, if not surely"
    monitor.watch.state = decode(encode(monitor.watch.state).data)
    monitor.asked(1000, 70)

    assert said(monitor.report(), QUALITY)[1] == "OutcomesHold"


def test_another_model_is_judged_by_what_is_made_of_its_own_answers(
    liked: Callable[..., Liked], said: Said
) -> None:
    monitor = liked()
    monitor.replica.engine = SMALL
    monitor.rated(negative=60)
    assert said(monitor.report(), QUALITY)[1] == "OutcomesPoor"

    monitor.replica.engine = LARGE
    changed = monitor.report()
    monitor.rated(positive=5)
    few = said(monitor.report(), QUALITY)
    monitor.rated(positive=30)
    status, reason, message = said(monitor.report(), QUALITY)

    assert "ModelChanged" in [one.reason for one in changed.transitions]
    assert said(changed, QUALITY)[1] == few[1] == "FewOutcomes"
    assert (status, reason) == ("True", "OutcomesHold")
    assert f"over 1 d of version {changed.state.versions.versions[-1].name}, begun 20" in message
    assert "positive feedback 100 % (90" in message
    assert "of 35 (at least 80 %)" in message


def test_while_two_versions_run_the_newer_ones_outcomes_count(
    liked: Callable[..., Liked], said: Said
) -> None:
    monitor = liked()
    monitor.replica.engine = SMALL
    monitor.report()
    newer = monitor.watch.replica(1)
    newer.engine = LARGE
    monitor.watch.gather([monitor.replica, newer])

    monitor.rated(negative=300)
    newer.totals.live_outcomes.given["positive"] = 40
    result = monitor.watch.gather([monitor.replica, newer])

    assert said(result, QUALITY)[1] == "OutcomesHold"
    assert "of 40 (at least 80 %)" in said(result, QUALITY)[2]


def test_a_window_forgets(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked()
    monitor.rated(negative=100)
    assert said(monitor.report(), QUALITY)[1] == "OutcomesPoor"

    for _ in range(26):
        result = monitor.report(hours=1)

    assert said(result, QUALITY)[1] == "FewOutcomes", "nobody says anything any more"


def test_a_month_is_a_window_too(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked(minPositive="80%", window="30d")
    monitor.rated(negative=100)
    monitor.report()

    for _ in range(20):
        result = monitor.report(hours=24)

    assert "over 30 d: positive feedback 0 % (0–3.7) of 100" in said(result, QUALITY)[2]  # noqa: RUF001


def test_probes_that_fail_are_said_first_and_outcomes_beside_them(
    liked: Callable[..., Liked], said: Said
) -> None:
    monitor = liked({"schedule": "1h", "suites": ["facts"]}, minPositive="80%")
    monitor.rated(negative=100)

    status, reason, message = said(monitor.report(), QUALITY)

    assert (status, reason) == ("False", "OutcomesPoor"), "no round of probes is there yet"
    assert "no round yet" in message


def test_outcomes_without_a_limit_are_shown_and_not_judged(watch: Callable[..., Watch], said: Said) -> None:
    monitor = Liked(watch(quality={"outcomes": {}}))
    monitor.answered(200)
    monitor.rated(positive=30, negative=10)

    result = monitor.report()

    assert said(result, QUALITY)[:2] == ("Unknown", "NotConfigured")
    shown = MonitorStatus.model_validate(result.status, by_alias=True).quality
    assert shown is not None
    assert shown.positive_feedback is not None
    assert (shown.positive_feedback.value, shown.positive_feedback.count) == (0.75, 40)
    assert shown.rated is not None
    assert (shown.rated.value, shown.rated.count) == (0.2, 200)
    assert shown.regenerated is None, "of which nothing is known"


def test_without_outcomes_in_the_spec_nothing_is_shown(watch: Callable[..., Watch]) -> None:
    monitor = Liked(watch())
    monitor.rated(positive=30, negative=10)

    assert "quality" not in monitor.report().status


def test_two_replicas_add_and_a_report_read_twice_does_not(liked: Callable[..., Liked], said: Said) -> None:
    monitor = liked()
    other = monitor.watch.replica(1)
    monitor.rated(positive=15, negative=5)
    other.totals.live_outcomes.given = {"positive": 10, "negative": 10}

    report = monitor.watch.gather([monitor.replica, other])
    again = monitor.watch.gather([])

    for result in (report, again):
        assert "62.5 % (47–76) of 40" in said(result, QUALITY)[2]  # noqa: RUF001 - a range


def test_absurd_counts_can_still_be_kept() -> None:
    kept = OutcomesKept()
    for _ in range(3):
        kept = with_outcomes(kept, [(START, {"answers": 2**63 - 1})], START)

    assert kept.window(86_400.0, START)["answers"] == 2**62
    assert decode(encode(State(outcomes=kept)).data).outcomes == kept
