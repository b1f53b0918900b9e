from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_operator.inject.plan import Plan

PlanOf = Callable[..., Plan]


def pod_with(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    model = {"name": "m", "image": "vllm/vllm-openai:v1", "ports": [{"containerPort": 8000}]}
    return {"spec": {"containers": [model | container]} | (spec or {})}


UNSAFE = {
    "unknown server": pod_with(image="corp/api:1"),
    "pod says no": pod_with({"shareProcessNamespace": False}),
    "pod says yes": pod_with({"shareProcessNamespace": True}),
    "processes of the node": pod_with({"hostPID": True}),
    "init system": pod_with(command=["/usr/bin/tini", "--", "vllm", "serve", "m"]),
    "systemd": pod_with(command=["/lib/systemd/systemd"]),
    "hook kills pid 1": pod_with(
        lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "kill -TERM 1; sleep 5"]}}}
    ),
    "probe reads pid 1": pod_with(livenessProbe={"exec": {"command": ["test", "-d", "/proc/1/fd"]}}),
    "another's init system": pod_with(
        {
            "initContainers": [
                {"name": "s", "image": "corp/s", "command": ["/sbin/init"], "restartPolicy": "Always"}
            ]
        }
    ),
}


def test_a_recognised_engine_in_a_plain_pod_is_made_visible(plan_of: PlanOf) -> None:
    assert plan_of(pod_with()).share_processes
    assert plan_of(pod_with(command=["sh", "-c", "sleep 1; vllm serve m"])).share_processes


@pytest.mark.parametrize("name", UNSAFE)
def test_auto_leaves_alone_what_may_not_bear_it(plan_of: PlanOf, name: str) -> None:
    assert not plan_of(UNSAFE[name]).share_processes


@pytest.mark.parametrize(
    "name", [name for name in UNSAFE if name not in {"pod says no", "pod says yes", "processes of the node"}]
)
def test_the_owners_word_shares_where_the_pod_does_not_forbid_it(plan_of: PlanOf, name: str) -> None:
    assert plan_of(UNSAFE[name], resources={"processes": "Shared"}).share_processes


@pytest.mark.parametrize("name", ["pod says no", "processes of the node"])
def test_never_against_the_pods_own_word(plan_of: PlanOf, name: str) -> None:
    assert not plan_of(UNSAFE[name], resources={"processes": "Shared"}).share_processes


def test_never_means_never(plan_of: PlanOf) -> None:
    assert not plan_of(pod_with(), resources={"processes": "Never"}).share_processes
