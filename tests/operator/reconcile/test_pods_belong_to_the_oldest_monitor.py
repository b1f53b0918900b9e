from __future__ import annotations

import time
from typing import Any

import pytest
from tests.operator.model_pods import NOW, moment, running_pod

from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.reconcile.ownership import owned


def raw(name: str, created: float, selector: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {
            "name": name,
            "namespace": "prod",
            "uid": f"uid-{name}",
            "creationTimestamp": moment(created),
            "generation": generation,
        },
        "spec": {"selector": selector},
    }


CHAT = {"matchLabels": {"app": "chat"}}


def monitors(*raws: dict[str, Any]) -> Monitors:
    found = Monitors(lambda _key: None)
    for one in raws:
        found.take(one)
    return found


def test_of_two_monitors_the_older_has_the_pod_and_the_other_is_told_whose_it_is() -> None:
    both = monitors(raw("young", NOW, CHAT), raw("old", NOW - 10, CHAT))
    pods = [running_pod("chat-a")]

    old = owned(both.of("prod")[0], both.of("prod"), pods)
    young = owned(both.of("prod")[1], both.of("prod"), pods)

    assert [pod["metadata"]["name"] for pod in old.pods] == ["chat-a"]
    assert not old.conflict
    assert not young.pods
    assert young.conflict == "LLMMonitor old is older and has chat-a"


def test_of_two_made_in_the_same_second_the_name_decides() -> None:
    both = monitors(raw("b", NOW, CHAT), raw("a", NOW, CHAT))

    assert [known.raw["metadata"]["name"] for known in both.of("prod")] == ["a", "b"]


def test_a_thousand_monitors_of_the_same_pods_keep_nobody_elses_pass_waiting() -> None:
    many = monitors(*(raw(f"chat-{n:03}", NOW, CHAT) for n in range(1000)))
    pods = [running_pod(f"chat-{n}") for n in range(500)]
    known = many.of("prod")
    began = time.process_time()

    found = owned(known[-1], known, pods)

    assert time.process_time() - began < 1.0  # it took four, on the loop that renews the lease
    assert found.conflict == "LLMMonitor chat-000 is older and has chat-0, chat-1, chat-2 and 497 more"


def test_pods_that_both_do_not_want_are_no_conflict() -> None:
    ready = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["chat"]}]}
    both = monitors(raw("others", NOW - 10, ready), raw("chat", NOW, CHAT))

    found = owned(both.of("prod")[1], both.of("prod"), [running_pod()])

    assert len(found.pods) == 1
    assert not found.conflict


def test_a_pod_on_its_way_out_is_apart() -> None:
    one = monitors(raw("chat", NOW, CHAT))
    pod = running_pod()
    pod["metadata"]["deletionTimestamp"] = moment(NOW)

    found = owned(one.of("prod")[0], one.of("prod"), [pod])

    assert not found.pods
    assert found.leaving == (pod,)


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "app", "operator": "In", "values": ["chat", "code"]}, True),
        ({"key": "app", "operator": "In", "values": ["code"]}, False),
        ({"key": "tier", "operator": "In", "values": ["gold"]}, False),
        ({"key": "app", "operator": "NotIn", "values": ["chat"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["gold"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "tier", "operator": "Exists"}, False),
        ({"key": "tier", "operator": "DoesNotExist"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions_select_as_label_selectors_do(expression: dict[str, Any], selected: bool) -> None:  # noqa: FBT001 - the table's column
    one = monitors(raw("chat", NOW, {"matchExpressions": [expression]}))

    assert bool(owned(one.of("prod")[0], one.of("prod"), [running_pod()]).pods) is selected


def test_an_invalid_spec_leaves_the_last_valid_one_in_force() -> None:
    found = monitors(raw("chat", NOW, CHAT), raw("chat", NOW, {}, generation=2))

    [known] = found.of("prod")

    assert known.monitor is not None
    assert known.monitor.spec.selector.match_labels == {"app": "chat"}
    assert known.monitor.metadata.generation == 2
    assert "selector" in known.invalid


def test_a_monitor_made_anew_under_the_same_name_inherits_nothing() -> None:
    found = monitors(raw("chat", NOW, CHAT))
    again = raw("chat", NOW + 5, {})
    again["metadata"]["uid"] = "another"
    found.take(again)

    [known] = found.of("prod")

    assert known.monitor is None
    assert known.invalid


def test_only_a_change_of_the_spec_is_told() -> None:
    told: list[tuple[str, str]] = []
    found = Monitors(told.append)
    first = raw("chat", NOW, CHAT)

    found.take(first)
    found.take({**first, "status": {"pods": {}}})
    found.take(raw("chat", NOW, CHAT, generation=2))
    found.drop(("prod", "chat"), first["metadata"]["uid"])
    found.drop(("prod", "chat"), first["metadata"]["uid"])

    assert told == [("prod", "chat")] * 3


def test_the_end_of_one_that_was_made_anew_under_the_same_name_may_be_told_last() -> None:
    first = raw("chat", NOW, CHAT)
    again = raw("chat", NOW + 5, CHAT)
    again["metadata"]["uid"] = "another"
    found = monitors(first, again)

    found.drop(("prod", "chat"), first["metadata"]["uid"])

    assert [known.uid for known in found.of("prod")] == ["another"]


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease", "llm-monitor"])
def test_in_the_clusters_own_namespaces_and_ours_a_monitor_has_no_pod_and_says_why(namespace: str) -> None:
    found = Monitors(lambda _key: None, "llm-monitor")
    one = raw("chat", NOW, CHAT)
    one["metadata"]["namespace"] = namespace

    found.take(one)

    [known] = found.of(namespace)
    assert owned(known, [known], [running_pod()]).pods == ()
    assert f"namespace {namespace} is" in known.invalid
    assert "create LLMMonitor chat in the namespace of the model's pods" in known.invalid
