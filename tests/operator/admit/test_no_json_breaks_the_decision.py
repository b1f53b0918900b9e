from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.admit.admission import AROUND, admitted
from tests.operator.model_pods import created_pod, monitor

from llmmonitor_operator.admit.decide import WARNING_LIMIT, Surroundings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_json_that_is_no_pod_is_let_pass(value: object) -> None:
    assert admitted(value).patch == []


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in the document, its leaves and its branches."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key, child in value.items() for place in places(child, (*path, key))]
    if isinstance(value, list):
        found += [place for at, child in enumerate(value) for place in places(child, (*path, at))]
    return found


def rich_pod() -> dict[str, Any]:
    """One of everything that is read."""
    pod = created_pod(requests={"cpu": "1", "memory": "1Gi"}, limits={"memory": "2Gi", "nvidia.com/gpu": 1})
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5}
    pod["metadata"] |= {"annotations": {"a": "b"}, "namespace": "prod", "name": "chat-1"}
    pod["spec"] |= {
        "initContainers": [{"name": "fetch", "image": "busybox", "command": ["sh", "-c", "true"]}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {"runAsUser": 1000},
        "terminationGracePeriodSeconds": 30,
        "activeDeadlineSeconds": 60,
        "resources": {"requests": {"memory": "2Gi"}},
        "overhead": {"memory": "100Mi"},
        "os": {"name": "linux"},
        "affinity": {
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["x"]}]}
        },
    }
    pod["spec"]["containers"][0] |= {
        "command": ["vllm", "serve", "m", "--port", "8000"],
        "args": ["--host", "0.0.0.0"],
        "env": [
            {"name": "VLLM_PORT", "value": "8000"},
            {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "lifecycle": {"preStop": {"httpGet": {"port": 8000}}},
        "securityContext": {"runAsNonRoot": True},
    }
    return pod


PLACES = places(rich_pod())
PORT_MODE = replace(AROUND, monitors=(monitor(existingPods="Ignore", interception={"mode": "Port"}),))


NASTY: tuple[object, ...] = (
    None,
    [],
    {},
    "",
    "x",
    "0x10",
    "\u0661",
    -1,
    0,
    10**30,
    1.5,
    True,
    [None],
    [{}],
    {"": None},
    {"x": []},
)


@pytest.mark.parametrize("around", [AROUND, PORT_MODE], ids=["Auto", "Port"])
@pytest.mark.parametrize("value", NASTY, ids=repr)
def test_a_pod_with_one_wrong_value_at_any_place_is_let_pass(value: object, around: Surroundings) -> None:
    for path in PLACES:
        pod = rich_pod()
        place: Any = pod
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

        assert admitted(pod, around).reason, path


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3),
    st.sampled_from([AROUND, PORT_MODE]),
)
def test_a_pod_with_anything_anywhere_is_let_pass_or_injected(
    changes: list[tuple[tuple[str | int, ...], object]], around: Surroundings
) -> None:
    pod = rich_pod()
    for path, value in changes:
        place: Any = pod
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
        except (LookupError, TypeError):
            continue  # an earlier change took the place away

    admission = admitted(pod, around)

    if admission.patch:
        changed = jsonpatch.apply_patch(pod, admission.patch)
        assert changed["spec"]["initContainers"][0]["name"] == "llm-monitor-sidecar"
    assert len(admission.warning) <= WARNING_LIMIT


def test_the_pod_that_is_changed_above_is_injected_as_it_is() -> None:
    rich = rich_pod()
    rich["spec"]["resources"] = {"requests": {"memory": "4Gi"}}

    assert admitted(rich).reason == "injected"
    assert admitted(rich, PORT_MODE).reason == "injected"
