"""Whether a pod with our sidecar fits its namespace is our arithmetic; the API server must say the same.

Random quotas, limit ranges and pods, all from one seed, so that a disagreement can be looked at again.
Nothing is created but namespaces with their rules: pods are dry runs.
"""

from __future__ import annotations

import copy
import json
import random
import secrets
import time
from typing import Any

import pytest
from e2e.kubectl import Kubectl, Refused

from llmmonitor_api.spec import load_monitor
from llmmonitor_api.spec.target import Target
from llmmonitor_operator.inject.native import native
from llmmonitor_operator.inject.plan import Mode, SidecarImage, plan_for
from llmmonitor_operator.pods.serving import find_serving
from llmmonitor_operator.preflight.limits import objection

NAMESPACES = 8
PODS = 6
SIDECAR = SidecarImage(image="registry.test/llm-monitor-sidecar:1")
MONITOR = load_monitor(
    {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}},
    }
)


@pytest.fixture(scope="module")
def judged(cluster: Kubectl) -> list[tuple[str, str]]:
    """Per pod that is let in without us: what we object to it with our sidecar, and the server's words."""
    found = [one for seed in range(NAMESPACES) for one in _in_one_namespace(cluster, random.Random(seed))]
    return [one for one in found if one is not None]


def test_an_objection_is_raised_exactly_where_the_api_server_refuses(judged: list[tuple[str, str]]) -> None:
    assert [one for one in judged if bool(one[0]) != bool(one[1])] == []


def test_many_pods_were_let_in_and_many_refused_for_different_reasons(judged: list[tuple[str, str]]) -> None:
    refused = [objected for objected, _ in judged if objected]

    assert len(judged) - len(refused) >= 5
    assert len(refused) >= 5
    assert len({words.split()[0] for words in refused}) >= 2


def _in_one_namespace(cluster: Kubectl, chance: random.Random) -> list[tuple[str, str] | None]:
    name = f"limits-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    place = cluster.within(name)
    try:
        quotas, limit_ranges = _rules(place, chance)
        return [_judged(place, _pod(chance), quotas, limit_ranges) for _ in range(PODS)]
    finally:
        cluster("delete", "namespace", name, "--wait=false")


def _judged(
    place: Kubectl, pod: dict[str, Any], quotas: list[Any], limit_ranges: list[Any]
) -> tuple[str, str] | None:
    """What we and what the API server say of the pod with our sidecar; None if it isn't let in without."""
    try:
        seen = _created(place, pod)
    except Refused:
        return None
    plan = plan_for(
        seen,
        MONITOR,
        serving=find_serving(seen, Target(container="model", port=8000)),
        sidecar=SIDECAR,
        mode=Mode.OFF,
        public_keys=(),
        configuration="{}",
    )
    sidecar = native(seen, plan)
    ours = objection(seen, sidecar, quotas, limit_ranges)
    injected = copy.deepcopy(seen)
    injected["spec"]["initContainers"] = [sidecar, *injected["spec"].get("initContainers", [])]
    injected["metadata"] = {"name": "model", "labels": {"app": "chat"}}
    try:
        _created(place, injected)
    except Refused as refused:
        return ours, str(refused)
    return ours, ""


def _created(place: Kubectl, pod: dict[str, Any]) -> dict[str, Any]:
    arguments = ("create", "--dry-run=server", "--output=json", "--filename=-")
    created: dict[str, Any] = json.loads(place(*arguments, document=pod))
    return created


def _rules(place: Kubectl, chance: random.Random) -> tuple[list[Any], list[Any]]:
    if chance.random() < 0.8:
        place.apply(_quota(chance))
    if chance.random() < 0.5:
        place.apply(_limit_range(chance))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        quotas = place.get("resourcequotas")["items"]
        if all(quota.get("status", {}).get("used") for quota in quotas):
            break
        time.sleep(0.2)
    return quotas, place.get("limitranges")["items"]


def _some(chance: random.Random, choices: dict[str, list[str]], share: float) -> dict[str, str]:
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < share}


def _quota(chance: random.Random) -> dict[str, Any]:
    memory = {
        "requests.memory": ["250Mi", "600Mi", "2Gi"],
        "limits.memory": ["600Mi", "800Mi", "900Mi", "2Gi"],
    }
    cpu = {"requests.cpu": ["120m", "520m", "2"]}
    hard = _some(chance, memory, 0.6) | _some(chance, cpu, 0.3) | _some(chance, {"limits.cpu": ["2"]}, 0.1)
    spec: dict[str, Any] = {"hard": hard or {"pods": "3"}}
    scope = chance.choice(["", "", "", "Terminating", "NotTerminating", "BestEffort", "NotBestEffort"])
    if scope == "BestEffort":
        spec = {"hard": {"pods": "1"}, "scopes": [scope]}
    elif scope:
        spec["scopes"] = [scope]
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "compute"}, "spec": spec}


def _limit_range(chance: random.Random) -> dict[str, Any]:
    container: dict[str, Any] = {"type": "Container"}
    if chance.random() < 0.6:
        container["default"] = {"cpu": chance.choice(["100m", "1"]), "memory": "512Mi"}
        container["defaultRequest"] = {"cpu": chance.choice(["10m", "100m"]), "memory": "192Mi"}
    if chance.random() < 0.4:
        container["min"] = {"memory": chance.choice(["32Mi", "150Mi"])}
    if chance.random() < 0.3:
        container["maxLimitRequestRatio"] = {"memory": chance.choice(["2", "3", "8"])}
    pod: dict[str, Any] = {"type": "Pod"}
    if chance.random() < 0.5:
        pod["max"] = {"memory": chance.choice(["600Mi", "900Mi", "4Gi"])}
    limits = [one for one in (container, pod) if len(one) > 1]
    spec = {"limits": limits or [{"type": "Pod", "max": {"memory": "1Gi"}}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "bounds"}, "spec": spec}


def _pod(chance: random.Random) -> dict[str, Any]:
    requests = _some(chance, {"cpu": ["100m", "500m"], "memory": ["128Mi", "512Mi"]}, 0.8)
    limits = _some(chance, {"memory": ["512Mi", "768Mi"]}, 0.85) | _some(chance, {"cpu": ["500m"]}, 0.5)
    if chance.random() < 0.2:
        requests = limits = {"cpu": "500m", "memory": "512Mi"}
    spec: dict[str, Any] = {
        "containers": [
            {"name": "model", "image": "m", "resources": {"requests": requests, "limits": limits}}
        ],
    }
    if chance.random() < 0.3:
        asked = {"cpu": chance.choice(["50m", "600m"]), "memory": chance.choice(["64Mi", "600Mi"])}
        first = {"name": "fetch", "image": "m", "resources": {"requests": asked, "limits": asked}}
        spec["initContainers"] = [first]
    if chance.random() < 0.3:
        spec["activeDeadlineSeconds"] = 600
    if chance.random() < 0.25:
        spec["resources"] = {
            "requests": {"memory": chance.choice(["512Mi", "640Mi", "1Gi"])},
            "limits": {"memory": "1Gi"},
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "model", "labels": {"app": "chat"}},
        "spec": spec,
    }
