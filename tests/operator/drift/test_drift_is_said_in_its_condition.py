from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import Watch
from tests.operator.drift.traffic import BEGIN, HOUR, Monitored, learnt

from llmmonitor_api.report.features import COMPLETION_TOKENS, FINISH_REASON, PARAMETERS, PROMPT_TOKENS
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.drift.watch import Track
from llmmonitor_operator.evaluate import Environment, Evaluation
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.reconcile.metrics.monitor_families import Shown, families
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals
from llmmonitor_operator.versions.history import History

Said = Callable[[Evaluation, str], tuple[str, str, str]]
IN_A_CLUSTER = Environment(
    cluster=True, pods=(ExpectedPod(uid="uid-0", name="chat-0", expected_since=BEGIN),)
)


@pytest.fixture
def judged(watch: Callable[..., Watch]) -> Callable[..., Evaluation]:
    """What is said of a monitor whose drift has come so far, a while after its last window."""

    def judge(one: Monitored, later: float = 60.0, changed_at: float | None = None) -> Evaluation:
        monitor = watch(IN_A_CLUSTER)
        monitor.now = one.now + later - 15
        replica = monitor.replica()
        replica.serve(1)
        versions = History(changed_at=changed_at)
        monitor.state = msgspec.structs.replace(monitor.state, drift=one.watch, versions=versions)
        return monitor.gather([replica])

    return judge


def test_a_learning_baseline_is_provisional_and_says_what_it_needs(judged: Any, said: Said) -> None:
    one = Monitored(learnt().traffic)
    one.let(50)

    status, reason, message = said(judged(one), "DriftFree")

    assert (status, reason) == ("Unknown", "BaselineIncomplete")
    assert message.startswith(
        "Provisional: the baseline spans 2 d 2 h of 7 d and has 50 of at least 40 windows"
    )
    assert "(n=25,000)" in message


@pytest.mark.parametrize(
    ("texts", "words"), [(210, "; of 500 requests the text of 210 was looked at"), (490, ""), (0, "")]
)
def test_of_how_many_texts_a_sample_is_is_said(judged: Any, said: Said, texts: int, words: str) -> None:
    one = learnt()
    one.let(1)
    one.watch = msgspec.structs.replace(one.watch, window_requests=500, window_texts=texts)

    _, reason, message = said(judged(one), "DriftFree")

    assert reason == "NoDrift"
    assert message.partition("; not judged")[0].endswith(words)
    assert ("was looked at" in message) is bool(words)


def test_before_the_first_window_its_requests_are_counted(watch: Callable[..., Watch], said: Said) -> None:
    monitor = watch(IN_A_CLUSTER)
    replica = monitor.replica()
    replica.totals.features = learnt().traffic.counts(123)
    replica.serve(123)

    status, reason, message = said(monitor.gather([replica]), "DriftFree")

    assert (status, reason) == ("Unknown", "BaselineIncomplete")
    assert message == "Provisional: no window of 500 requests is full yet (n=123)"


def test_no_drift_names_the_nearest_feature_with_sizes_and_power(judged: Any, said: Said) -> None:
    one = learnt()
    one.let(1)

    status, reason, message = said(judged(one), "DriftFree")

    assert (status, reason) == ("True", "NoDrift")
    assert message.startswith("none of 5 features drifted; nearest: ")
    for part in (
        "PSI ",
        " <= ",
        "(n=",
        ", baseline n≈",
        "overdispersion ",
        "8 times in 10",
        "; not judged: Turns, ",
    ):
        assert part in message


def test_other_requests_are_input_drift_that_names_the_features(judged: Any, said: Said) -> None:
    one = learnt()
    one.traffic.code = 0.3
    one.let(2)

    status, reason, message = said(judged(one), "DriftFree")

    assert (status, reason) == ("False", "InputDrift")
    assert f"{PROMPT_TOKENS} PSI " in message
    assert f"{PARAMETERS} PSI " in message
    assert "input or model: cannot tell" in message
    assert "suspect" not in message


def test_other_answers_to_the_same_requests_let_the_model_be_suspected(judged: Any, said: Said) -> None:
    one = learnt()
    one.traffic.longer_answers = 2.0
    one.let(2)

    status, reason, message = said(judged(one), "DriftFree")

    assert (status, reason) == ("False", "OutputDrift")
    assert message.startswith(f"{COMPLETION_TOKENS} PSI ")
    assert "suspect the model" in message


@pytest.mark.parametrize(
    ("hours_before", "asked", "cause"),
    [
        (1.5, 0.0, "suspect the model: it changed at 20"),
        (2.5, 0.0, "suspect the model: it changed at 20"),
        (9.0, 0.0, "input or model: cannot tell"),
        (1.5, 0.5, "input or model: cannot tell"),
    ],
)
def test_answers_that_moved_with_another_model_let_it_be_suspected_whatever_moved_of_them(
    judged: Any, said: Said, hours_before: float, asked: float, cause: str
) -> None:
    one = learnt()
    one.traffic.code = asked
    one.let(2)
    over = msgspec.structs.replace(one.watch.tracks[FINISH_REASON].score, psi=9.0)
    track = Track(over, one.now, over_since=one.now - 2 * HOUR, over=2, alarm_since=one.now - 2 * HOUR)
    one.watch = msgspec.structs.replace(one.watch, tracks={**one.watch.tracks, FINISH_REASON: track})

    message = said(judged(one, changed_at=one.now - hours_before * HOUR), "DriftFree")[2]

    assert f"{FINISH_REASON} PSI 9 > " in message
    assert cause in message


def test_a_verdict_stands_until_the_next_window_is_overdue(judged: Any, said: Said) -> None:
    one = learnt()
    one.let(1)

    assert said(judged(one, later=3.9 * HOUR), "DriftFree")[1] == "NoDrift"
    status, reason, message = said(judged(one, later=4.1 * HOUR), "DriftFree")
    assert (status, reason) == ("Unknown", "NoTraffic")
    assert "ended 4 h 6 min ago" in message


def test_without_a_cluster_it_does_not_apply(watch: Callable[..., Watch], said: Said) -> None:
    monitor = watch()

    assert said(monitor.gather([monitor.replica()]), "DriftFree")[:2] == ("Unknown", "NotApplicable")


def test_the_status_has_every_feature_with_its_score(judged: Any) -> None:
    one = learnt()
    one.traffic.code = 0.3
    one.let(2)

    drift = {row["feature"]: row for row in judged(one).status["drift"]}

    assert drift.keys() == {PROMPT_TOKENS, COMPLETION_TOKENS, PARAMETERS, FINISH_REASON}
    assert drift[PARAMETERS]["verdict"] == "Drift"
    assert drift[PARAMETERS]["score"] > drift[PARAMETERS]["threshold"]
    assert drift[PARAMETERS]["windowRequests"] == 500
    assert drift[PARAMETERS]["baselineRequests"] > 500
    assert "overdispersion" in drift[PARAMETERS]


def test_the_metrics_have_scores_thresholds_and_alarms() -> None:
    one = learnt()
    one.traffic.code = 0.3
    watch = one.let(2)

    found = {
        (sample.name, sample.labels.get("feature")): sample.value
        for family in families({("prod", "chat"): Shown(RunningTotals(), drift=watch)})
        for sample in family.samples
        if "drift" in sample.name
    }

    score = watch.tracks[PARAMETERS].score
    assert found["llm_monitor_drift_score", PARAMETERS] == score.psi
    assert found["llm_monitor_drift_threshold", PARAMETERS] == score.threshold
    assert found["llm_monitor_drift_alarm", PARAMETERS] == 1
    assert found["llm_monitor_drift_overdispersion", PARAMETERS] == score.overdispersion
    assert found["llm_monitor_drift_window_end_timestamp_seconds", None] == watch.window_at


def test_features_of_replicas_fill_one_window_and_are_counted_once(watch: Callable[..., Watch]) -> None:
    monitor, traffic = watch(IN_A_CLUSTER), learnt().traffic
    replicas = [monitor.replica(0), monitor.replica(1)]
    for replica in replicas:
        replica.totals.features = traffic.counts(100)
    monitor.gather(replicas)
    monitor.gather(replicas)
    replicas[0].totals.features = learnt().traffic.counts(100)

    assert monitor.state.drift.open.requests == 200
    assert sum(monitor.state.drift.open.counts[PARAMETERS].values()) == 200


def test_what_a_checkpoint_has_no_room_for_is_not_counted_twice(watch: Callable[..., Watch]) -> None:
    monitor, traffic = watch(IN_A_CLUSTER), learnt().traffic
    replica = monitor.replica()
    replica.totals.features = traffic.counts(100)
    monitor.gather([replica])

    monitor.state = decode(encode(monitor.state).data)
    assert monitor.state.drift.open.requests == 100
    monitor.gather([replica])

    assert monitor.state.drift.open.requests == 100


def test_counts_that_went_back_are_refused(watch: Callable[..., Watch], said: Said) -> None:
    monitor, traffic = watch(IN_A_CLUSTER), learnt().traffic
    replica = monitor.replica()
    replica.totals.features = traffic.counts(100)
    monitor.gather([replica])
    replica.totals.features = traffic.counts(50)

    result = monitor.gather([replica])

    assert "smaller counts of features" in monitor.state.pods["uid-0"].refused
    assert monitor.state.drift.open.requests == 100
    assert said(result, "DriftFree")[0] == "Unknown"
