from __future__ import annotations

from typing import Any

import pytest

from llmmonitor_operator.cost.group import group_workers
from llmmonitor_operator.cost.lifetime import Lifetime, lifetime_of

NOON = "2027-01-15T12:00:00Z"
AT_NOON = 1_800_014_400_000
SCHEDULED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": NOON}


def pod(uid: str = "a", labels: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    container = {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": "4"}}}
    return {
        "metadata": {"uid": uid, "creationTimestamp": "2027-01-15T11:00:00Z", "labels": labels or {}},
        "spec": {"containers": [container]},
        "status": status,
    }


def read(raw: dict[str, Any]) -> Lifetime:
    found = lifetime_of(raw)
    assert found is not None
    return found


def test_a_pod_that_waits_for_a_node_costs_nothing() -> None:
    waiting = pod(phase="Pending", conditions=[{"type": "PodScheduled", "status": "False"}])
    assert lifetime_of(waiting) is None

    waiting["spec"]["nodeName"] = "n"
    assert read(waiting).node == "n"


@pytest.mark.parametrize(
    ("status", "since"),
    [
        ({"phase": "Pending", "conditions": [SCHEDULED]}, AT_NOON),
        ({"phase": "Running", "startTime": NOON}, AT_NOON),
        ({"phase": "Running"}, AT_NOON - 3_600_000),
    ],
)
def test_it_begins_with_its_node_as_far_as_the_api_says(status: dict[str, Any], since: int) -> None:
    assert read(pod(**status)).scheduled_at == since


def test_readiness_devices_and_the_end_are_read() -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOON}
    running = read(pod(phase="Running", conditions=[SCHEDULED, ready]))
    ends = [{"state": {"terminated": {"finishedAt": at}}} for at in ("2027-01-15T11:30:00Z", NOON)]
    ended = read(pod(phase="Failed", conditions=[SCHEDULED], containerStatuses=ends))

    assert (running.ready, running.ready_changed_at, running.gpus) == (True, AT_NOON, 4)
    assert (running.ended, ended.ended, ended.ended_at) == (False, True, AT_NOON)
    assert read(pod(phase="Failed")).ended_at is None


def test_workers_are_of_the_same_group_and_nobody_elses() -> None:
    lws = "leaderworkerset.sigs.k8s.io"
    group = {f"{lws}/name": "big", f"{lws}/group-index": "0"}
    leader = pod("leader", group)
    worker, anothers = pod("worker", group), pod("anothers", group)
    next_group = pod("next", group | {f"{lws}/group-index": "1"})
    everyone = [leader, worker, anothers, next_group, pod("alone")]

    found = group_workers([leader], lambda: everyone, lambda one: one is anothers)

    assert found == [worker]
    assert group_workers([pod("alone")], lambda: everyone, lambda _: False) == []


def test_workers_of_a_ray_cluster_belong_to_its_head() -> None:
    head, worker = (pod(uid, {"ray.io/cluster": "chat"}) for uid in ("head", "worker"))

    assert group_workers([head], lambda: [head, worker], lambda _: False) == [worker]
