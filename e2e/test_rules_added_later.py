"""A quota, LimitRange or Pod Security label that comes later costs a model only the sidecar of new pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import chat, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, until

NAME = "ruled"
MINUTES = 60.0
MI = 2**20
LABEL = "pod-security.kubernetes.io/enforce"


@pytest.fixture
def model(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored model whose one pod the webhook injected, in a namespace without rules."""
    with small_models.injected_by_the_webhook(proved, NAME, sidecar_image):
        try:
            yield proved
        finally:
            proved("delete", "resourcequota,limitrange", "--all")


def test_a_pod_that_fits_a_quota_only_without_the_sidecar_comes_without(
    product: Installed, model: Kubectl
) -> None:
    rules = product.verdict(model.namespace)
    model.apply(_quota({"requests.memory": str(_requested_bytes(model) + 64 * MI)}))
    until(lambda: product.verdict(model.namespace) != rules, "the operator to see the quota", 2 * MINUTES)

    model("scale", f"deployment/{NAME}", "--replicas=2")
    model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    [old, new] = chat.pods(model, NAME)
    assert small_models.injected(old)
    assert not small_models.injected(new)
    said = until(lambda: _lost_injection(model), "an Event about it", 2 * MINUTES)
    assert "InjectionSuspended (ResourceQuota small: requests.memory" in said
    condition(model, NAME, 2 * MINUTES, Injected="True", Reporting="True")

    model("delete", "resourcequota/small")
    _comes_back(model, _reads)


def test_a_quota_that_has_no_room_for_a_pod_of_any_kind_suspends_nothing(
    product: Installed, model: Kubectl
) -> None:
    everyone = len(_settled(model))
    before = _suspensions(product.verdict(model.namespace))
    model.apply(_quota({"pods": str(everyone)}))
    model("scale", f"deployment/{NAME}", "--replicas=2")

    until(lambda: _refused(model, "exceeded quota: small"), "the controller to be refused", 3 * MINUTES)

    model("delete", "resourcequota/small")
    until(lambda: len(chat.pods(model, NAME)) == 2, "the controller to try again", 5 * MINUTES)
    assert _suspensions(product.verdict(model.namespace)) == before
    _comes_back(model, _reads)


def test_a_pod_that_a_limit_range_bounds_below_the_sidecar_comes_without(
    product: Installed, model: Kubectl
) -> None:
    rules = product.verdict(model.namespace)
    model.apply(_limit_range({"memory": "200Mi"}))
    until(lambda: product.verdict(model.namespace) != rules, "the operator to see it", 2 * MINUTES)

    model("scale", f"deployment/{NAME}", "--replicas=2")
    model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    [old, new] = chat.pods(model, NAME)
    assert small_models.injected(old)
    assert not small_models.injected(new)
    found = condition(model, NAME, 2 * MINUTES, Injected="NoMemoryHeadroom")  # nor may it be attached to
    assert new["metadata"]["name"] in found["Injected"]["message"]
    assert "of 200 MiB left" in found["Injected"]["message"]

    model("delete", "limitrange/small")
    _comes_back(model, _reads)


def test_a_pod_security_label_takes_the_right_to_read_from_new_pods(
    product: Installed, model: Kubectl
) -> None:
    place = f"namespace/{model.namespace}"
    rules = product.verdict(model.namespace)
    model("label", place, f"{LABEL}=baseline")
    try:
        until(lambda: product.verdict(model.namespace) != rules, "the operator to see the label", 2 * MINUTES)
        model("scale", f"deployment/{NAME}", "--replicas=2")
        model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

        found = condition(model, NAME, 3 * MINUTES, Ready="True", Intercepting="NotPermitted")
        [old, new] = chat.pods(model, NAME)
        assert small_models.injected(new) or small_models.attached(new)
        assert "NET_ADMIN" not in str(new["spec"])
        assert "baseline" in found["Intercepting"]["message"]
        assert new["metadata"]["name"] in found["Intercepting"]["message"]
        assert old["metadata"]["name"] not in found["Intercepting"]["message"]
    finally:
        model("label", place, f"{LABEL}-")
    _comes_back(model, _reads)


def _lost_injection(namespace: Kubectl) -> str:
    said = [one for one in events(namespace, NAME) if one.startswith("Injected True → False")]
    return said[-1] if said else ""


def _quota(hard: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": hard},
    }


def _limit_range(most: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": most}]},
    }


def _requested_bytes(namespace: Kubectl) -> int:
    """By all pods of the namespace."""
    pods = _settled(namespace)
    containers = [
        one for pod in pods for one in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    ]
    asked = [one.get("resources", {}).get("requests", {}).get("memory", "0Mi") for one in containers]
    return sum(int(one.removesuffix("Mi")) * MI for one in asked)


def _settled(namespace: Kubectl) -> list[dict[str, Any]]:
    """All pods of the namespace, none of which is on its way out any more."""

    def here() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = namespace.get("pods")["items"]
        return [] if any(pod["metadata"].get("deletionTimestamp") for pod in found) else found

    return until(here, "old pods to be gone", 2 * MINUTES)


def _suspensions(verdict: str) -> int:
    return int(json.loads(verdict).get("suspensions", 0))


def _refused(namespace: Kubectl, words: str) -> bool:
    said = [one for one in namespace.get("events")["items"] if one.get("reason") == "FailedCreate"]
    return any(words in one["message"] for one in said)


def _comes_back(namespace: Kubectl, as_wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Delete the newest pod until the one in its place is as wanted."""

    def newest() -> bool:
        pod = chat.pods(namespace, NAME)[-1]
        if not as_wanted(pod):
            namespace("delete", f"pod/{pod['metadata']['name']}", "--wait=false")
        return as_wanted(pod)

    until(newest, "a new pod to be injected again", 2 * MINUTES)


def _reads(pod: dict[str, Any]) -> bool:
    """Whether its injected sidecar may take over the traffic."""
    return small_models.injected(pod) and "NET_ADMIN" in str(pod["spec"]["initContainers"][0])
