from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_operator.inject.ephemeral import ephemeral
from llmmonitor_operator.inject.hand_over import PortNotNamed
from llmmonitor_operator.inject.native import native
from llmmonitor_operator.inject.patch import patch
from llmmonitor_operator.inject.plan import Mode, Plan

PlanOf = Callable[..., Plan]
Patched = Callable[[dict[str, Any], Plan], dict[str, Any]]
SMALL = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "128Mi"}}
CPU_AND_MEMORY = {"cpu": "4", "memory": "16Gi"}


def pod_with(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    model = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v1",
        "ports": [{"name": "http", "containerPort": 8000}],
    }
    return {
        "metadata": {"name": "chat-1", "namespace": "prod", "uid": "4b1c"},
        "spec": {"containers": [model | container]} | (spec or {}),
        "status": {"podIP": "10.0.0.7", "hostIP": "192.0.2.1"},
    }


def test_transparent_begins_as_root_with_three_capabilities_whatever_the_pod_says(plan_of: PlanOf) -> None:
    pod = pod_with({"securityContext": {"runAsNonRoot": True, "runAsUser": 1000}})

    assert native(pod, plan_of(pod))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"add": ["NET_ADMIN", "SETGID", "SETUID"], "drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.OFF])
def test_the_other_modes_satisfy_pod_securitys_restricted_level(plan_of: PlanOf, mode: Mode) -> None:
    pod = pod_with()

    context = native(pod, plan_of(pod, mode))["securityContext"]

    assert context["capabilities"] == {"drop": ["ALL"]}
    assert (context["runAsUser"], context["runAsNonRoot"]) == (65532, True)
    assert not context["allowPrivilegeEscalation"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, None),
        ({"limits": {"nvidia.com/gpu": "1"}}, None),
        ({"requests": {"cpu": "2"}}, SMALL),
        ({"limits": {"memory": "16Gi", "nvidia.com/gpu": "1"}}, SMALL),
        (
            {"limits": CPU_AND_MEMORY, "requests": CPU_AND_MEMORY},
            {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "500m", "memory": "256Mi"}},
        ),
    ],
)
def test_resources_are_those_of_the_pods_class(
    plan_of: PlanOf, resources: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    pod = pod_with(resources=resources)

    assert native(pod, plan_of(pod)).get("resources") == expected


def test_where_the_pod_has_resources_as_a_whole_only_the_rest_is_asked_for(plan_of: PlanOf) -> None:
    whole = {"resources": {"limits": CPU_AND_MEMORY, "requests": CPU_AND_MEMORY}}
    full = pod_with(whole, resources={"requests": {"cpu": "4", "memory": "15Gi"}})
    empty = pod_with(whole)

    assert native(empty, plan_of(empty))["resources"] == SMALL
    assert native(full, plan_of(full))["resources"] == {
        "limits": {"memory": "256Mi"},
        "requests": {"cpu": "0", "memory": "128Mi"},
    }


def test_an_init_container_that_fills_the_pod_leaves_nothing_for_a_sidecar_beside_it(plan_of: PlanOf) -> None:
    spec = {
        "resources": {"limits": CPU_AND_MEMORY, "requests": {"cpu": "4", "memory": "1Gi"}},
        "initContainers": [
            {"name": "cache", "restartPolicy": "Always", "resources": {"requests": {"memory": "400Mi"}}},
            {"name": "convert", "resources": {"requests": {"memory": "600Mi"}}},
        ],
    }
    pod = pod_with(spec)

    assert native(pod, plan_of(pod))["resources"]["requests"] == {"cpu": "50m", "memory": "0"}


def test_the_api_port_has_the_name_that_a_pod_monitor_looks_for(plan_of: PlanOf) -> None:
    pod = pod_with(ports=[{"containerPort": 14002}, {"containerPort": 8000}])

    assert native(pod, plan_of(pod))["ports"] == [
        {"name": "llm-monitor", "containerPort": 14003, "protocol": "TCP"}
    ]


def test_a_successor_takes_its_predecessors_port(plan_of: PlanOf, patched: Patched) -> None:
    pod = pod_with()

    after = patched(pod, plan_of(pod))

    assert plan_of(after).api_port == plan_of(pod).api_port == 14002


def test_a_port_of_a_container_that_only_has_our_name_is_taken(plan_of: PlanOf) -> None:
    own = {"name": "llm-monitor-sidecar", "image": "anybodys", "ports": [{"containerPort": 14002}]}
    pod = pod_with({"initContainers": [own]})

    assert plan_of(pod).api_port == 14003


USUAL_PORTS = (80, 3000, 5000, 7860, 8000, 8080, 8400, 8500, 8888, 9000, 10_000, 11_434, 30_000)
"""Of vLLM, SGLang, TGI, Triton, llama.cpp, Ollama and others; people count on from them."""


def test_on_the_nodes_network_no_two_usual_ports_of_models_lead_to_one_of_the_sidecars(
    plan_of: PlanOf,
) -> None:
    pods = [
        pod_with({"hostNetwork": True}, args=["--port", str(port)], ports=[{"containerPort": port}])
        for usual in USUAL_PORTS
        for port in range(usual, usual + 4)
    ]

    plans = [plan_of(pod, Mode.OFF) for pod in pods]

    taken = [port for plan in plans for port in (plan.relay_port, plan.api_port)]
    assert len(set(taken)) == len(taken)
    assert max(taken) < 15000


def test_on_the_nodes_network_no_port_is_taken_from_the_node_and_models_do_not_meet(plan_of: PlanOf) -> None:
    one, other = (
        pod_with({"hostNetwork": True}, args=["--port", str(port)], ports=[{"containerPort": port}])
        for port in (8000, 8001)
    )

    plans = plan_of(one, Mode.OFF), plan_of(other, Mode.OFF)

    assert "ports" not in native(one, plans[0])
    assert plans[0].api_port != plans[1].api_port
    assert all(plan.api_port < 15000 for plan in plans)


@pytest.mark.parametrize("mode", [Mode.TRANSPARENT, Mode.OFF])
def test_readiness_never_depends_on_us(plan_of: PlanOf, mode: Mode) -> None:
    pod = pod_with()

    assert not {"readinessProbe", "livenessProbe", "startupProbe", "lifecycle"} & set(
        native(pod, plan_of(pod, mode))
    )


def test_port_mode_hands_the_name_over_and_leaves_the_number_to_the_models_probes(
    plan_of: PlanOf, patched: Patched
) -> None:
    pod = pod_with(
        {"initContainers": [{"name": "download"}]},
        readinessProbe={"httpGet": {"path": "/health", "port": "http", "scheme": "HTTP"}},
        livenessProbe={"tcpSocket": {"port": "http"}},
        startupProbe={"httpGet": {"path": "/health", "port": 8081}},
        lifecycle={"preStop": {"httpGet": {"path": "/drain", "port": "http"}}},
    )
    before = copy.deepcopy(pod)

    after = patched(pod, plan_of(pod, Mode.LISTEN))

    sidecar, model = after["spec"]["initContainers"][0], after["spec"]["containers"][0]
    assert sidecar["ports"] == [
        {"name": "http", "containerPort": 14001, "protocol": "TCP"},
        {"name": "llm-monitor", "containerPort": 14002, "protocol": "TCP"},
    ]
    assert sidecar["readinessProbe"]["tcpSocket"] == {"port": 14001}
    assert model["ports"] == [{"containerPort": 8000}]
    expected = before["spec"]["containers"][0] | {
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"}},
        "livenessProbe": {"tcpSocket": {"port": 8000}},
        "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": 8000}}},
    }
    assert model == expected


def test_port_mode_leaves_other_containers_probes_alone(plan_of: PlanOf, patched: Patched) -> None:
    agent = {
        "name": "log-agent",
        "ports": [{"name": "http", "containerPort": 80}],
        "livenessProbe": {"tcpSocket": {"port": "http"}},
    }
    pod = pod_with()
    pod["spec"]["containers"].insert(0, agent)

    after = patched(pod, plan_of(pod, Mode.LISTEN))

    assert after["spec"]["containers"][0] == agent
    assert "name" not in after["spec"]["containers"][1]["ports"][0]


def test_port_mode_without_a_name_is_refused_with_the_way_out(plan_of: PlanOf) -> None:
    pod = pod_with(ports=[{"containerPort": 8000}])

    with pytest.raises(PortNotNamed, match="container vllm does not declare port 8000 by name"):
        patch(pod, plan_of(pod, Mode.LISTEN))


def test_an_attached_sidecar_has_only_what_the_api_takes(plan_of: PlanOf) -> None:
    """EphemeralContainer: no ports, resources, probes or lifecycle."""
    pod = pod_with(resources={"requests": {"cpu": "2"}})

    container = ephemeral(pod, plan_of(pod), 3)

    assert (container["name"], container["targetContainerName"]) == ("llm-monitor-3", "vllm")
    assert set(container) == {
        "name",
        "image",
        "imagePullPolicy",
        "targetContainerName",
        "env",
        "securityContext",
        "terminationMessagePolicy",
    }
    assert container["securityContext"] == native(pod, plan_of(pod))["securityContext"]


def test_a_pod_is_attached_to_ten_times_and_never_in_port_mode(plan_of: PlanOf) -> None:
    pod = pod_with()

    for number in (0, 11):
        with pytest.raises(ValueError, match="at most 10 times"):
            ephemeral(pod, plan_of(pod), number)
    with pytest.raises(ValueError, match="mode Port cannot be attached"):
        ephemeral(pod, plan_of(pod, Mode.LISTEN), 1)


def test_a_probes_credential_comes_from_its_secret_and_is_never_missed(plan_of: PlanOf) -> None:
    auth = {"secretKeyRef": {"name": "model-key", "key": "token"}}
    suites = {"schedule": "1h", "suites": ["facts"], "auth": auth}

    pod = pod_with()
    injected = native(pod, plan_of(pod, quality=suites))["env"]
    attached = ephemeral(pod, plan_of(pod, quality=suites), 1)["env"]

    [credential] = [one for one in injected if one["name"] == "LLM_MONITOR_PROBE_CREDENTIAL"]
    wanted = {"name": "model-key", "key": "token", "optional": True}
    assert credential["valueFrom"] == {"secretKeyRef": wanted}
    assert not any("valueFrom" in one for one in attached), "the chart's policy lets none pass"


def test_the_token_of_feedback_comes_from_its_secret_too(plan_of: PlanOf) -> None:
    outcomes = {"feedbackAuth": {"secretKeyRef": {"name": "feedback", "key": "token"}}}

    injected = native(pod_with(), plan_of(pod_with(), quality={"outcomes": outcomes}))["env"]

    [token] = [one for one in injected if one["name"] == "LLM_MONITOR_FEEDBACK_TOKEN"]
    assert token["valueFrom"]["secretKeyRef"] == {"name": "feedback", "key": "token", "optional": True}
    assert not any(one["name"] == "LLM_MONITOR_PROBE_CREDENTIAL" for one in injected)
