from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.operator.conftest import Replica, Watch

from llmmonitor_api.report.engine_counts import Compared, EngineCounts, Pair
from llmmonitor_api.report.report import Live, Report
from llmmonitor_operator.evaluate import Environment
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

CHAT = ("prod", "chat")
OUTPUT = {"gen_ai_token_type": "output"}
ALL = {"models": "", "operations": ""}
LABELS = {"namespace": "prod", "monitor": "chat"}


class Scrape:
    """What Prometheus reads."""

    def __init__(self, metrics: OperatorMetrics) -> None:
        self.text = generate_latest(metrics.registry).decode()
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset((LABELS | labels).items())]

    def own(self, name: str, **labels: str) -> float:
        return self.samples[f"llm_monitor_operator_{name}", frozenset(labels.items())]

    def of(self, monitor: str) -> int:
        return sum(("monitor", monitor) in labels for _, labels in self.samples)


def follow(metrics: OperatorMetrics, one: Watch, replicas: list[Replica], seconds: float = 15.0) -> Scrape:
    evaluation = one.gather(replicas, seconds)
    metrics.judged(CHAT, evaluation, one.now, one.news)
    return Scrape(metrics)


@pytest.fixture
def metrics() -> OperatorMetrics:
    made = OperatorMetrics()
    made.begin(CHAT)
    return made


def test_figures_of_all_replicas_add_up(metrics: OperatorMetrics, watch: Callable[..., Watch]) -> None:
    one = watch()
    first, second = one.replica(0), one.replica(1)
    first.serve(3, ttft=0.03)
    second.serve(4, ttft=3.0)
    second.serve(2, outcome="server_error", ttft=float("inf"))
    second.totals.gpu_energy_millijoules = 1_500

    got = follow(metrics, one, [first, second])

    assert got.value("llm_monitor_requests_begun_total") == 9
    assert got.value("llm_monitor_requests_total", outcome="ok") == 7
    assert got.value("llm_monitor_requests_total", outcome="server_error") == 2
    assert got.value("llm_monitor_tokens_total", **OUTPUT, exact="true") == 700
    assert got.value("llm_monitor_token_sources_total", source="usage") == 7
    assert got.value("llm_monitor_relay_connections_total") == 9
    assert got.value("llm_monitor_gpus_energy_joules_total") == 1.5
    assert got.value("llm_monitor_gpus_energy_tokens_total") == 400
    name = "gen_ai_server_time_to_first_token_seconds"
    buckets = {le: got.value(f"{name}_bucket", le=le) for le in ("0.02", "0.04", "2.5", "5.0", "+Inf")}
    assert buckets == {"0.02": 0, "0.04": 3, "2.5": 3, "5.0": 7, "+Inf": 7}
    assert got.value(f"{name}_count") == 7
    assert got.value(f"{name}_sum") == pytest.approx(12.09)
    objective = {"objective": "first-token", "signal": "TimeToFirstToken", "threshold": "1s", **ALL}
    assert got.value("llm_monitor_objective_events_total", **objective, result="good") == 3
    assert got.value("llm_monitor_objective_events_total", **objective, result="bad") == 6


def test_what_engines_count_adds_up_and_has_few_reasons(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    first, second = one.replica(0), one.replica(1)
    for replica, reason in ((first, "stop"), (second, "whatever-a-pod-likes")):
        replica.totals.engine = EngineCounts(1, 10, 20, 2, {reason: 6})
        replica.totals.compared = Compared(
            requests=Pair(6, 5), first_token_nanoseconds=Pair(10**9, 2 * 10**9)
        )

    got = follow(metrics, one, [first, second])

    for name, figure in (
        ("restarts", 2),
        ("prompt_tokens", 20),
        ("generation_tokens", 40),
        ("preemptions", 4),
    ):
        assert got.value(f"llm_monitor_engine_{name}_total") == figure
    finished = "llm_monitor_engine_requests_finished_total"
    assert (got.value(finished, reason="stop"), got.value(finished, reason="other")) == (6, 6)
    assert got.value("llm_monitor_compared_requests_total", counted_by="engine") == 12
    assert got.value("llm_monitor_compared_requests_total", counted_by="wire") == 10
    assert got.value("llm_monitor_compared_first_token_seconds_total", counted_by="wire") == 4
    assert not any(name == "llm_monitor_compared_tokens_total" for name, _ in got.samples), "none compared"


def test_counters_go_on_when_replicas_restart_and_leave(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    stays, leaves = one.replica(0), one.replica(1)
    counted = []
    stays.serve(5)
    leaves.serve(7)
    counted.append(follow(metrics, one, [stays, leaves]))
    counted.append(follow(metrics, one, [stays, leaves]))  # nothing new
    stays = stays.restarted("boot-x", one.now)
    stays.serve(2)
    counted.append(follow(metrics, one, [stays]))
    for _ in range(3):  # the other is forgotten after a day
        counted.append(follow(metrics, one, [stays], seconds=43_200.0))  # noqa: PERF401 - it is a story

    requests = [got.value("llm_monitor_requests_total", outcome="ok") for got in counted]
    assert requests == [12, 12, 14, 14, 14, 14]


def test_what_was_known_at_the_takeover_is_not_counted_again(watch: Callable[..., Watch]) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1000)
    one.gather([replica])
    metrics = OperatorMetrics()

    metrics.begin(CHAT)
    replica.serve(3)
    got = follow(metrics, one, [replica])

    assert got.value("llm_monitor_requests_total", outcome="ok") == 3


def test_a_source_that_was_forgotten_is_not_counted_twice(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1000)
    follow(metrics, one, [replica])

    one.state = msgspec.structs.replace(one.state, pods={}, forgotten_until=one.state.newest_at)
    metrics.judged(CHAT, one.judge(), one.now)
    replica.serve(10)
    follow(metrics, one, [replica])
    replica.serve(10)
    got = follow(metrics, one, [replica])

    assert got.value("llm_monitor_requests_total", outcome="ok") == 1010


def test_verdicts_and_their_age_are_shown(watch: Callable[..., Watch]) -> None:
    pods = tuple(ExpectedPod(uid=f"uid-{n}", name=f"chat-{n}", expected_since=0.0) for n in range(2))
    one = watch(Environment(cluster=True, pods=pods))
    metrics = OperatorMetrics()
    metrics.begin(CHAT)
    replica = one.replica()
    replica.live = Live(in_flight=3, oldest_in_flight_seconds=1.0)
    replica.serve(10)

    got = follow(metrics, one, [replica])

    assert got.value("llm_monitor_last_evaluation_timestamp_seconds") == one.now
    reporting = {
        status: got.value("llm_monitor_condition", type="Reporting", status=status)
        for status in ("True", "False", "Unknown")
    }
    assert reporting == {"True": 0, "False": 1, "Unknown": 0}
    assert got.value("llm_monitor_pods", state="matched") == 2
    assert got.value("llm_monitor_pods", state="reporting") == 1
    assert got.value("llm_monitor_requests_in_flight") == 3


def test_what_a_pod_likes_to_send_makes_no_series(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1)
    series = next(iter(replica.totals.traffic.values()))
    before = follow(metrics, one, [replica]).of("chat")
    for number in range(20):  # many more, and the report is not taken
        series.outcomes[f"outcome-{number}"] = 1
        series.token_sources[f"source-{number}"] = 1
        series.finish_reasons.counts[f"reason-{number}"] = 1

    got = follow(metrics, one, [replica])

    assert got.of("chat") - before == 3
    assert got.value("llm_monitor_requests_total", outcome="other") == 20
    assert got.value("llm_monitor_finish_reasons_total", finish_reason="other") == 20


def test_a_monitor_that_is_gone_leaves_no_series(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    assert follow(metrics, one, [one.replica()]).of("chat") > 50

    metrics.forget(CHAT)
    metrics.judged(CHAT, one.judge(), one.now)  # a pass that was under way

    assert Scrape(metrics).of("chat") == 0


def test_monitors_beyond_the_limit_are_counted_and_come_in_when_there_is_room(
    watch: Callable[..., Watch],
) -> None:
    metrics = OperatorMetrics(monitors_limit=1)
    one = watch()
    evaluation = one.judge()
    for name in ("a", "b"):
        metrics.begin(("prod", name))
        metrics.judged(("prod", name), evaluation, one.now)

    full = Scrape(metrics)
    metrics.forget(("prod", "a"))
    metrics.judged(("prod", "b"), evaluation, one.now)
    roomy = Scrape(metrics)

    assert (full.of("a") > 0, full.of("b")) == (True, 0)
    assert full.own("monitors", shown="false") == 1
    assert roomy.of("b") > 0
    assert roomy.own("monitors", shown="false") == 0


def test_an_objective_that_the_spec_no_longer_has_is_gone(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(5)
    follow(metrics, one, [replica])
    other = watch(performance={"objectives": [{"name": "errors", "signal": "ErrorRate", "target": "99%"}]})
    one.monitor = other.monitor

    got = follow(metrics, one, [replica])

    assert "first-token" not in got.text
    assert 'objective="errors"' in got.text


def test_own_work_is_counted_by_a_bounded_number_of_results() -> None:
    metrics = OperatorMetrics()
    metrics.pulled("ok")
    metrics.pulled("ok")
    metrics.pushed("failed")
    metrics.attached("ok")
    metrics.status_written("ok")
    metrics.event_emitted("failed")
    metrics.checkpoint_saved("ok")
    metrics.passed(0.2)
    metrics.leads(leading=True)
    metrics.failed("pass")
    metrics.watches(lambda: 2)
    for number in range(100):
        metrics.pulled(f"because-{number}")

    got = Scrape(metrics)

    assert got.own("pulls_total", result="ok") == 2
    assert got.own("pushes_total", result="failed") == 1
    assert got.own("pass_seconds_count") == 1
    assert got.own("leading") == 1
    assert got.own("failures_total", work="pass") == 1
    assert got.own("watches_broken") == 2
    results = [labels for name, labels in got.samples if name == "llm_monitor_operator_pulls_total"]
    assert len(results) == 17
    assert got.own("pulls_total", result="other") == 85


def test_a_report_that_was_refused_counts_nothing(
    metrics: OperatorMetrics, watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    follow(metrics, one, [replica])
    smaller: Report = Replica(one.configuration, uid=replica.uid, boot=replica.boot).report(one.now)
    smaller = msgspec.structs.replace(
        smaller, identity=msgspec.structs.replace(smaller.identity, sequence=99)
    )

    one.state = absorb(one.state, smaller, one.now)
    metrics.judged(CHAT, one.judge(), one.now)

    assert one.state.pods[replica.uid].refused
    assert Scrape(metrics).value("llm_monitor_requests_total", outcome="ok") == 10


def test_prometheus_own_linter_has_nothing_to_say(
    metrics: OperatorMetrics, watch: Callable[..., Watch], promtool: str
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    text = follow(metrics, one, [replica]).text.encode()

    said: Any = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
    )

    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
