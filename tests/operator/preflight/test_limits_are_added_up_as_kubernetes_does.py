"""Cases by hand; that the arithmetic is Kubernetes' own is tried on a real API server in e2e/."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_operator.preflight.demand import demand
from llmmonitor_operator.preflight.limits import objection
from llmmonitor_operator.preflight.resource_list import text

SIDECAR = {
    "name": "llm-monitor-sidecar",
    "restartPolicy": "Always",
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
}
BURSTABLE = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def pod(asked: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "vllm", "resources": BURSTABLE if asked is None else asked}]
    return {"metadata": {"name": "chat"}, "spec": {"containers": containers, **spec}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    status = {"hard": hard, "used": used if used is not None else dict.fromkeys(hard, "0")}
    return {"metadata": {"name": "compute"}, "spec": {"hard": hard, **spec}, "status": status}


def limits(**entry: Any) -> dict[str, Any]:
    return {"metadata": {"name": "bounds"}, "spec": {"limits": [{"type": "Container", **entry}]}}


def init(name: str, memory: str, *, sidecar: bool = False) -> dict[str, Any]:
    container = {"name": name, "resources": {"requests": {"memory": memory}}}
    return {**container, "restartPolicy": "Always"} if sidecar else container


def test_a_namespace_without_rules_raises_no_objection() -> None:
    assert objection(pod(), SIDECAR, [], []) == ""


@pytest.mark.parametrize(
    ("init_containers", "memory"),
    [
        ([], "1152Mi"),  # 1Gi and ours
        ([init("fetch", "512Mi")], "1152Mi"),  # 128Mi + 512Mi while it starts is less
        ([init("fetch", "1Gi")], "1152Mi"),  # 128Mi + 1Gi is as much
        ([init("fetch", "2Gi")], "2176Mi"),
        ([init("log", "1Gi", sidecar=True), init("fetch", "1Gi")], "2176Mi"),
        ([init("fetch", "2Gi"), init("log", "1Gi", sidecar=True)], "2176Mi"),  # it starts after the fetch
    ],
)
def test_native_sidecars_count_beside_containers_and_beside_later_init_containers(
    init_containers: list[dict[str, Any]], memory: str
) -> None:
    wanted = demand(pod(initContainers=init_containers), SIDECAR)

    assert text(wanted.requests()["memory"]) == memory


@pytest.mark.parametrize(
    ("hard", "used", "words"),
    [
        ({"limits.memory": "2304Mi"}, {"limits.memory": "0"}, ""),
        (
            {"limits.memory": "4Gi"},
            {"limits.memory": "2Gi"},
            "ResourceQuota compute: limits.memory 2Gi used + 2304Mi > 4Gi",
        ),
        (
            {"requests.cpu": "1"},
            {"requests.cpu": "0"},
            "ResourceQuota compute: requests.cpu 0 used + 1050m > 1",
        ),
        ({"memory": "1152Mi"}, {"memory": "0"}, ""),
        ({"pods": "3"}, {"pods": "3"}, "ResourceQuota compute: pods 3 used + 1 > 3"),
        ({"configmaps": "3"}, {"configmaps": "3"}, ""),
        (
            {"limits.memory": "9Gi"},
            {},
            "ResourceQuota compute does not say yet what is used of limits.memory",
        ),
        (
            {"limits.cpu": "64"},
            {"limits.cpu": "0"},
            "ResourceQuota compute wants every container to give limits.cpu, and ours gives none",
        ),
    ],
)
def test_a_quota_must_hold_the_pod_with_our_container(
    hard: dict[str, str], used: dict[str, str], words: str
) -> None:
    assert objection(pod(), SIDECAR, [quota(hard, used)], []) == words


FULL = {"pods": "0"}


@pytest.mark.parametrize(
    ("spec", "scopes", "counts"),
    [
        ({}, {"scopes": ["NotTerminating"]}, True),
        ({}, {"scopes": ["Terminating"]}, False),
        ({"activeDeadlineSeconds": 60}, {"scopes": ["Terminating"]}, True),
        ({}, {"scopes": ["NotBestEffort"]}, True),
        ({}, {"scopes": ["BestEffort"]}, False),
        ({}, {"scopes": ["NotBestEffort", "Terminating"]}, False),
        ({"priorityClassName": "high"}, {"scopes": ["PriorityClass"]}, True),
        ({}, {"scopes": ["PriorityClass"]}, False),
        ({}, {"scopes": ["CrossNamespacePodAffinity"]}, False),
        ({}, {"scopes": ["ScopeOfTheFuture"]}, False),
    ],
)
def test_a_quota_counts_only_pods_in_its_scopes(
    spec: dict[str, Any], scopes: dict[str, Any], *, counts: bool
) -> None:
    assert bool(objection(pod(**spec), SIDECAR, [quota(FULL, **scopes)], [])) is counts


@pytest.mark.parametrize(
    ("operator", "values", "counts"),
    [
        ("In", ["high"], True),
        ("In", ["low"], False),
        ("NotIn", ["low"], True),
        ("NotIn", ["high"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_priority_classes_are_selected_by_name(operator: str, values: list[str], *, counts: bool) -> None:
    requirement = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    selected = quota(FULL, scopeSelector={"matchExpressions": [requirement]})

    assert bool(objection(pod(priorityClassName="high"), SIDECAR, [selected], [])) is counts


def test_affinity_to_other_namespaces_is_a_scope() -> None:
    term = {"topologyKey": "zone", "namespaceSelector": {}}
    weighted = [{"weight": 1, "podAffinityTerm": term}]
    affinity = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}

    scoped = quota(FULL, scopes=["CrossNamespacePodAffinity"])
    assert objection(pod(affinity=affinity), SIDECAR, [scoped], [])


def test_overhead_of_the_runtime_counts_in_quotas() -> None:
    given = pod(overhead={"memory": "160Mi"})

    words = objection(given, SIDECAR, [quota({"requests.memory": "1300Mi"})], [])
    assert words == "ResourceQuota compute: requests.memory 0 used + 1312Mi > 1300Mi"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"min": {"memory": "100Mi"}}, ""),
        ({"min": {"memory": "200Mi"}}, "memory request 128Mi < min 200Mi for our container"),
        ({"min": {"ephemeral-storage": "1Gi"}}, "min ephemeral-storage is 1Gi and no request is given"),
        ({"max": {"memory": "256Mi"}}, ""),
        ({"max": {"memory": "255Mi"}}, "memory limit 256Mi > max 255Mi for our container"),
        ({"max": {"cpu": "1"}}, "max cpu is 1 and no limit is given for our container"),
        ({"max": {"cpu": "1"}, "default": {"cpu": "1"}}, ""),
        (
            {"default": {"cpu": "10m"}},
            "the defaults of a LimitRange give our container a cpu request 50m > limit 10m",
        ),
        ({"maxLimitRequestRatio": {"memory": "2"}}, ""),
        ({"maxLimitRequestRatio": {"memory": "1.5"}}, "is 256Mi / 128Mi > maxLimitRequestRatio 1500m"),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            "maxLimitRequestRatio of cpu is 2 and request or limit is missing",
        ),
    ],
)
def test_a_limit_range_bounds_our_container_after_its_defaults(entry: dict[str, Any], words: str) -> None:
    found = objection(pod(), SIDECAR, [], [limits(**entry)])

    assert (words in found) if words else (found == "")


def test_defaults_reach_a_container_that_asks_for_nothing_and_count_in_quotas() -> None:
    bare = {"name": "llm-monitor-sidecar", "restartPolicy": "Always"}
    defaults = limits(default={"memory": "1Gi"}, defaultRequest={"memory": "512Mi"})
    small = quota({"requests.memory": "768Mi"})

    assert objection(pod({}), bare, [small], [defaults]).endswith("requests.memory 0 used + 1Gi > 768Mi")
    assert "wants every container to give requests.memory" in objection(pod({}), bare, [small], [])


def test_a_limit_without_a_request_is_the_request_too() -> None:
    given = pod({"limits": {"memory": "1Gi"}})

    words = objection(given, SIDECAR, [quota({"requests.memory": "1Gi"})], [])
    assert words == "ResourceQuota compute: requests.memory 0 used + 1152Mi > 1Gi"


def test_a_limit_range_for_pods_bounds_their_sum() -> None:
    bounds = {"metadata": {"name": "b"}, "spec": {"limits": [{"type": "Pod", "max": {"memory": "2Gi"}}]}}

    assert (
        objection(pod(), SIDECAR, [], [bounds]) == "LimitRange b: memory limit 2304Mi > max 2Gi for the pod"
    )


def test_what_a_pod_asks_for_as_a_whole_must_hold_our_container() -> None:
    whole = {"requests": {"memory": "1100Mi"}, "limits": {"memory": "2Gi"}}

    found = objection(pod(resources=whole), SIDECAR, [], [])
    assert found == "the pod's own memory request 1100Mi < 1152Mi, its containers' with ours"
    assert objection(pod(resources={"requests": {"memory": "1152Mi"}}), SIDECAR, [], []) == ""


def test_what_a_pod_asks_for_as_a_whole_is_what_a_quota_counts() -> None:
    whole = {"requests": {"memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    given = pod(resources=whole)

    assert objection(given, SIDECAR, [quota({"limits.memory": "4Gi"})], []) == ""
    assert objection(given, SIDECAR, [quota({"limits.memory": "3Gi"})], [])


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), st.lists, max_leaves=4))
def test_a_quantity_that_cannot_be_read_is_an_objection(value: object) -> None:
    given = pod({"requests": {"memory": value}})

    try:
        readable = value is not None and not isinstance(value, list) and str(value).isdecimal()
    except ValueError:
        readable = False
    found = objection(given, SIDECAR, [], [])
    if readable and str(value).isascii() and len(str(value)) <= 15:
        assert not found
    elif isinstance(value, list) or value is None:
        assert "no quantity" in found


@pytest.mark.parametrize("hard", [{"limits.memory": "lots"}, {"limits.memory": None}, "all"])
def test_a_quota_that_cannot_be_read_is_an_objection(hard: Any) -> None:
    given = {"metadata": {"name": "q"}, "status": {"hard": hard, "used": {"limits.memory": "0"}}}

    assert objection(pod(), SIDECAR, [given], []).startswith("limits cannot be compared: ")


def test_petabytes_in_plain_bytes_are_read() -> None:
    large = quota({"limits.memory": "99999999999999999999"})

    assert objection(pod(), SIDECAR, [large], []) == ""
