from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_operator.inject.ephemeral import ephemeral
from llmmonitor_operator.inject.native import native
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.pods.containers import environment, expanded
from llmmonitor_sidecar import settings

PlanOf = Callable[..., Plan]
RUNNING: dict[str, Any] = {
    "metadata": {"name": "chat-1", "namespace": "prod", "uid": "4b1c"},
    "spec": {
        "terminationGracePeriodSeconds": 120,
        "containers": [
            {
                "name": "vllm",
                "image": "vllm/vllm-openai:v1",
                "ports": [{"name": "http", "containerPort": 8000}],
            }
        ],
    },
    "status": {"podIP": "10.0.0.7", "hostIP": "192.0.2.1"},
}
DOWNWARD = {
    "metadata.name": "chat-1",
    "metadata.namespace": "prod",
    "metadata.uid": "4b1c",
    "status.podIP": "10.0.0.7",
    "status.hostIP": "192.0.2.1",
}


def as_the_kubelet_does(container: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in container["env"]:
        reference = one.get("valueFrom")
        found[one["name"]] = (
            DOWNWARD[reference["fieldRef"]["fieldPath"]] if reference else expanded(one["value"], found)
        )
    return found


@pytest.mark.parametrize("mode", Mode)
def test_the_sidecars_own_parser_takes_it(plan_of: PlanOf, mode: Mode) -> None:
    plan = plan_of(RUNNING, mode)

    read = settings.from_environment(as_the_kubelet_does(native(RUNNING, plan)))

    assert (read.mode.value, read.target_port, read.api_port) == (mode.value, 8000, 14002)
    assert (read.pod_name, read.pod_namespace, read.pod_uid) == ("chat-1", "prod", "4b1c")
    assert (read.pod_ip, read.host_ip) == ("10.0.0.7", "192.0.2.1")
    assert read.public_keys == (bytes(range(32)), bytes(32))
    assert read.configuration.decode() == plan.configuration
    assert read.stop_grace_seconds == 115.0


def test_an_attached_one_is_told_the_same_in_words(plan_of: PlanOf) -> None:
    plan = plan_of(RUNNING)

    attached, injected = ephemeral(RUNNING, plan, 1), native(RUNNING, plan)

    assert not [one for one in attached["env"] if "valueFrom" in one]
    # a pod may have two attached ones; the injected one is always alone of its kind
    assert environment(attached) == as_the_kubelet_does(injected) | {"LLM_MONITOR_CONTAINER": "llm-monitor-1"}


def test_every_variable_is_one_that_the_sidecar_reads(plan_of: PlanOf) -> None:
    """But the monitor's name, which is for people and for the operator."""
    known = {name.upper() for name in settings.Settings.__dataclass_fields__}
    called_otherwise = {"STOP_GRACE", "MEMORY_LIMIT_BYTES", "CPU_LIMIT_CORES", "PUBLIC_KEY", "GPUS"}

    for mode in Mode:
        names = {
            one["name"].removeprefix("LLM_MONITOR_") for one in native(RUNNING, plan_of(RUNNING, mode))["env"]
        }
        assert names - called_otherwise - {"MONITOR"} <= known


def test_in_port_mode_the_relay_listens_outside_and_asks_the_model_inside(plan_of: PlanOf) -> None:
    read = settings.from_environment(as_the_kubelet_does(native(RUNNING, plan_of(RUNNING, Mode.LISTEN))))

    assert (read.listen_host, read.listen_port, read.target_host) == ("::", 14001, "localhost")


@pytest.mark.parametrize(("grace", "told"), [(0, 0.0), (3, 0.0), (30, 25.0), (86400, 3600.0)])
def test_flows_may_finish_until_shortly_before_the_pods_grace_ends(
    plan_of: PlanOf, grace: int, told: float
) -> None:
    pod = copy.deepcopy(RUNNING)
    pod["spec"]["terminationGracePeriodSeconds"] = grace

    read = settings.from_environment(as_the_kubelet_does(native(pod, plan_of(pod))))

    assert read.stop_grace_seconds == told


def test_it_learns_its_own_cap_and_the_models_limits(plan_of: PlanOf) -> None:
    pod = copy.deepcopy(RUNNING)
    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2500m", "memory": "16Gi"}}
    whole = copy.deepcopy(RUNNING)
    whole["spec"]["resources"] = {"limits": {"cpu": "4", "memory": "1e9"}}

    limited, in_whole, free = (
        settings.from_environment(as_the_kubelet_does(native(one, plan_of(one))))
        for one in (pod, whole, RUNNING)
    )

    assert (limited.model_memory_limit_bytes, limited.model_cpu_limit_cores) == (16 * 2**30, 2.5)
    assert (in_whole.model_memory_limit_bytes, in_whole.model_cpu_limit_cores) == (10**9, 4.0)
    assert (free.model_memory_limit_bytes, free.model_cpu_limit_cores) == (None, None)
    assert free.memory_cap_bytes == 256 * 2**20


def test_it_learns_how_many_gpus_the_pod_requests(plan_of: PlanOf) -> None:
    pod = copy.deepcopy(RUNNING)
    pod["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "2"}}

    with_gpus, without = (
        settings.from_environment(as_the_kubelet_does(native(one, plan_of(one)))) for one in (pod, RUNNING)
    )

    assert (with_gpus.gpus_requested, without.gpus_requested) == (2, None)


@pytest.mark.parametrize(("gpus", "told"), [("2", "http://{node}:9400/metrics"), ("0", "")])
def test_only_where_gpus_are_requested_it_learns_who_else_measures_them(
    plan_of: PlanOf, gpus: str, told: str
) -> None:
    pod = copy.deepcopy(RUNNING)
    pod["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    plan = plan_of(pod)
    sidecar = dataclasses.replace(plan.sidecar, dcgm_exporter="http://{node}:9400/metrics")
    plan = dataclasses.replace(plan, sidecar=sidecar)

    for container in (native(pod, plan), ephemeral(pod, plan, 1)):
        assert settings.from_environment(as_the_kubelet_does(container)).dcgm_exporter == told


ASKED = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility"}


@pytest.mark.parametrize(
    ("devices", "gpus", "told"), [("All", "1", ASKED), ("All", "0", {}), ("None", "1", {})]
)
def test_only_where_it_is_allowed_and_gpus_are_requested_it_asks_for_the_driver(
    plan_of: PlanOf, devices: str, gpus: str, told: dict[str, str]
) -> None:
    pod = copy.deepcopy(RUNNING)
    pod["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    plan = plan_of(pod)
    plan = dataclasses.replace(plan, sidecar=dataclasses.replace(plan.sidecar, nvidia_devices=devices))

    for container in (native(pod, plan), ephemeral(pod, plan, 1)):
        of_nvidia = [one for one in container["env"] if one["name"].startswith("NVIDIA")]
        assert {one["name"]: one["value"] for one in of_nvidia} == told
