"""The operator may be killed, or be gone: nothing of what people see of a monitor depends on one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from e2e import breaking, chat, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, requests, since, until

NAME = "counted"
MINUTES = 60.0
LEASE = "lease/llm-monitor-operator"
TAKEOVER_SECONDS = 15.0
SLOW_MACHINE_SECONDS = 15.0
STEADY = ("Ready", "Injected", "Reporting", "Intercepting")


@pytest.fixture
def model(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored model of two pods that all is well with."""
    with small_models.well(proved, NAME, sidecar_image, replicas=2):
        yield proved


def test_a_standby_takes_over_and_nothing_flaps_or_is_lost(
    product: Installed, model: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    clients = small_models.asking_each(model, NAME, sidecar_image, seconds=5 * MINUTES)
    condition(model, NAME, 2 * MINUTES, **dict.fromkeys(STEADY, "True"))
    until(lambda: requests(model, NAME) > 0, "the first requests to be counted", 1 * MINUTES)
    before, said_before = since(model, NAME, STEADY), _said_of_steady(model)
    counted_before = requests(model, NAME)

    leader = product.kubectl.get(LEASE)["spec"]["holderIdentity"]
    pod = product.kubectl.get(f"pod/{leader}")
    killed_at = time.time()
    breaking.kill(product.kubectl, pod)
    breaking.delete_now(product.kubectl, pod)  # else the kubelet starts it again, as the same contender
    taken = until(lambda: _taken_from(leader, product), "a standby to lead", 2 * MINUTES)

    takeover = taken - killed_at
    figure(f"a standby led {takeover:.1f} s after the leader was killed")
    until(lambda: requests(model, NAME) > counted_before, "the new leader to count on", 1 * MINUTES)
    answered, failed = small_models.ended(model, clients)
    counted = until(
        lambda: (found := requests(model, NAME)) >= answered and found,
        "all of them to be counted",
        2 * MINUTES,
    )
    assert takeover <= TAKEOVER_SECONDS + SLOW_MACHINE_SECONDS
    assert failed == 0
    assert counted == answered
    assert since(model, NAME, STEADY) == before
    assert _said_of_steady(model) == said_before
    product.kubectl("rollout", "status", "deployment/llm-monitor-operator", "--timeout=180s")


def test_a_monitor_can_be_deleted_while_no_operator_runs(product: Installed, model: Kubectl) -> None:
    with product.without_operator():
        metadata = model.get(f"llmmonitor/{NAME}")["metadata"]

        model("delete", f"llmmonitor/{NAME}", "--timeout=20s")

        assert "finalizers" not in metadata
        assert not [key for key in metadata.get("annotations", {}) if "kopf" in key]
        assert not model("get", f"llmmonitor/{NAME}", "--ignore-not-found")
        assert all(small_models.ready(pod) for pod in chat.pods(model, NAME))


def _said_of_steady(namespace: Kubectl) -> list[str]:
    return [said for said in events(namespace, NAME) if said.startswith(STEADY)]


def _taken_from(leader: str, product: Installed) -> float | None:
    """When somebody else got the lease (Unix seconds)."""
    spec = product.kubectl.get(LEASE)["spec"]
    if spec.get("holderIdentity") in {leader, "", None}:
        return None
    return datetime.fromisoformat(spec["acquireTime"]).timestamp()
