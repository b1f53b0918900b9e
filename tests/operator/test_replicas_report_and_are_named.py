from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import monitor_with

from llmmonitor_api.conditions import table
from llmmonitor_operator.evaluate import Environment, ExpectedPod, evaluate
from llmmonitor_operator.evaluate.environment import LeftOut
from llmmonitor_operator.gather.absorb import absorb

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
START = 1_800_000_000.0


def cluster(pods: int, **first: Any) -> Environment:
    """A cluster with so many matching pods; `first` describes the first of them."""
    expected = [ExpectedPod(f"uid-{n}", f"chat-{n}", START, **(first if n == 0 else {})) for n in range(pods)]
    return Environment(cluster=True, pods=tuple(expected))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_replicas_that_report_are_true_and_their_figures_add(watch: Make, said: Said, count: int) -> None:
    one = watch(cluster(count))
    replicas = [one.replica(number) for number in range(count)]
    for replica in replicas:
        replica.serve(30)

    result = one.gather(replicas)

    sidecars = "sidecar" if count == 1 else "sidecars"
    assert said(result, "Reporting") == (
        "True",
        "AllReporting",
        f"{count} of {count} {sidecars} reported within 45 s",
    )
    assert said(result, "Ready")[:2] == ("True", "Monitoring")
    assert said(result, "Injected")[:2] == ("True", "AllInjected")
    assert result.status["window"]["requests"] == 30 * count
    assert result.status["pods"]["summary"] == f"{count}/{count}"


def test_a_stale_replica_is_named_with_its_age_and_the_others_are_still_judged(
    watch: Make, said: Said
) -> None:
    one = watch(cluster(5))
    replicas = [one.replica(number) for number in range(5)]
    for replica in replicas:
        replica.serve(30)
    one.gather(replicas)

    for _ in range(4):
        result = one.gather(replicas[:4])

    assert said(result, "Reporting") == (
        "False",
        "Stale",
        "4 of 5 sidecars reported within 45 s; chat-4: last report 1 min old",
    )
    assert said(result, "Ready")[:2] == ("False", "PartlyMonitored")
    assert said(result, "PerformanceHealthy")[0] == "True"
    assert result.status["pods"]["notMonitored"] == [{"name": "chat-4", "reason": "Stale"}]


def test_an_unreachable_replica_is_named_with_the_reason(watch: Make, said: Said) -> None:
    one = watch(cluster(2, unreachable="connection refused by 10.0.0.7:14002"))
    replica = one.replica(1)

    result = one.gather([replica], 60)

    assert said(result, "Reporting") == (
        "False",
        "Unreachable",
        "1 of 2 sidecars reported within 45 s; chat-0: no report: connection refused by 10.0.0.7:14002",
    )


def test_a_refused_report_is_named_with_the_reason(watch: Make, said: Said) -> None:
    one = watch(cluster(1))
    impostor = one.replica(7)

    one.now += 60
    one.state = absorb(one.state, impostor.report(one.now), one.now, pod_uid="uid-0")

    message = said(one.judge(), "Reporting")[2]
    assert "chat-0: report refused: the report is of pod UID uid-7, this pod's is uid-0" in message


def test_a_young_pod_is_waited_for(watch: Make, said: Said) -> None:
    one = watch(cluster(2))

    first = one.gather([one.replica(1)], 10)
    late = one.gather([one.replica(1)], 50)

    assert said(first, "Reporting")[2] == (
        "1 of 2 sidecars reported within 45 s; waiting for the first report of chat-0"
    )
    assert said(late, "Reporting")[:2] == ("False", "Unreachable")


def test_before_any_report_nothing_is_false(watch: Make, said: Said) -> None:
    result = watch(cluster(1)).judge(5)

    for kind in ("Ready", "Reporting", "PerformanceHealthy", "ResourcesHealthy", "Healthy"):
        assert said(result, kind)[:2] == ("Unknown", "NoReports")


def test_a_restarted_sidecar_goes_on_counting_and_the_loss_is_said(watch: Make, said: Said) -> None:
    one = watch(cluster(2))
    replicas = [one.replica(0), one.replica(1)]
    for replica in replicas:
        replica.serve(30)
    one.gather(replicas)

    again = replicas[0].restarted("boot-9", one.now + 10)
    again.serve(5)
    result = one.gather([again, replicas[1]], 20)

    assert said(result, "Reporting")[2] == (
        "2 of 2 sidecars reported within 45 s; 1 restart of a sidecar, 10 s of figures lost"
    )
    assert result.status["window"]["requests"] == 65


def test_no_matching_pods_is_ready_and_injected_is_unknown(watch: Make, said: Said) -> None:
    result = watch(cluster(0)).judge()

    assert said(result, "Ready")[:2] == ("True", "NoMatchingPods")
    assert said(result, "Injected")[:2] == ("Unknown", "NoMatchingPods")
    assert said(result, "Reporting")[:2] == ("Unknown", "NoMatchingPods")
    assert result.status["pods"]["summary"] == "0/0"


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [(("Worker", "Worker"), "Worker"), (("Worker", "OptedOut"), "OptedOut"), (("OptedOut",), "OptedOut")],
)
def test_pods_that_are_not_meant_to_have_one_are_said_with_their_reason(
    watch: Make, said: Said, left_out: tuple[str, ...], reason: str
) -> None:
    pods = tuple(LeftOut(f"chat-{number}", why) for number, why in enumerate(left_out))

    result = watch(Environment(cluster=True, left_out=pods)).judge()

    assert said(result, "Injected")[:2] == ("Unknown", reason)
    assert [one["reason"] for one in result.status["pods"]["notMonitored"]] == list(left_out)
    assert all(table.INJECTED.reason(why).meaning for why in left_out)


def test_a_pod_without_a_sidecar_is_said_with_its_reason(watch: Make, said: Said) -> None:
    one = watch(cluster(2, injection="NoMemoryHeadroom", injection_message="64Mi are left, 512Mi are needed"))

    result = one.gather([one.replica(1)], 60)

    assert said(result, "Injected") == (
        "False",
        "NoMemoryHeadroom",
        "1 of 2 pods with the current sidecar; chat-0: NoMemoryHeadroom (64Mi are left, 512Mi are needed)",
    )
    assert said(result, "Ready")[2].startswith("1 of 2 pods monitored; not: chat-0")
    assert result.status["pods"]["notMonitored"] == [{"name": "chat-0", "reason": "NoMemoryHeadroom"}]


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (Environment(cluster=True, conflict="because"), "Conflicted"),
        (Environment(cluster=True, invalid_spec="because"), "InvalidSpec"),
    ],
)
def test_a_monitor_that_cannot_work_says_why(
    watch: Make, said: Said, environment: Environment, reason: str
) -> None:
    assert said(watch(environment).judge(), "Ready") == ("False", reason, "because")


FROM_PODS = (
    "Injected", "Reporting", "Intercepting", "GPUVisible", "ResourcesHealthy", "PerformanceHealthy",
)  # fmt: skip


@pytest.mark.parametrize("kind", FROM_PODS)
def test_a_monitor_without_any_valid_spec_does_not_say_that_no_pod_matches(
    watch: Make, said: Said, kind: str
) -> None:
    result = watch(Environment(cluster=True, invalid_spec="because", spec_in_force=False)).judge()

    status, reason, message = said(result, kind)
    assert (status, reason) == ("Unknown", "NoSpecInForce")
    assert message.endswith("see Ready")


@pytest.mark.parametrize("kind", FROM_PODS)
def test_a_monitor_whose_pods_an_older_one_has_does_not_say_that_no_pod_matches(
    watch: Make, said: Said, kind: str
) -> None:
    result = watch(Environment(cluster=True, conflict="LLMMonitor old is older and has chat-0")).judge()

    assert said(result, kind) == (
        "Unknown",
        "PodsOfOlderMonitor",
        "LLMMonitor old is older and has chat-0: see Ready",
    )


def test_what_holds_a_monitor_up_is_what_the_summary_says_whatever_its_roles(watch: Make, said: Said) -> None:
    environment = Environment(cluster=True, conflict="LLMMonitor old is older and has chat-0")

    assert said(watch(environment).judge(), "Healthy")[:2] == ("False", "Conflicted")
    advisory = watch(environment, roles={"Ready": "Advisory"}).judge()
    assert said(advisory, "Healthy")[:2] == ("Unknown", "PodsOfOlderMonitor")


def test_the_last_valid_spec_in_force_is_judged_as_ever(watch: Make, said: Said) -> None:
    result = watch(Environment(cluster=True, invalid_spec="because")).judge()

    assert said(result, "Reporting")[:2] == ("Unknown", "NoMatchingPods")


def test_counts_outlast_a_spec_that_nobody_can_read(watch: Make) -> None:
    own = {"name": "own", "signal": "ErrorRate", "target": "99%"}
    one = watch(cluster(1), performance={"objectives": [own]})
    replica = one.replica(0)
    replica.serve(10)
    counted = one.gather([replica]).state

    unread = Environment(cluster=True, invalid_spec="because", spec_in_force=False)
    result = evaluate(monitor_with(), counted, one.now, unread)

    assert counted.events_at
    assert result.state.events_at == counted.events_at
    assert "objectives" not in result.status, "the defaults are not its own"


def test_burn_rates_out_of_reach_are_named_and_ready_stays_true(watch: Make, said: Said) -> None:
    lax = {"name": "lax", "signal": "ErrorRate", "target": "80%"}
    one = watch(performance={"objectives": [lax]})

    status, _, message = said(one.gather([one.replica()]), "Ready")

    assert status == "True"
    assert message == (
        "1 of 1 pod monitored; objective lax: a burn rate of 14.4 and 6 cannot be reached with a target of"
        " 80 % and is not judged"
    )
