from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_operator.inject.patch import patch
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.pods.quality_of_service import limits_of, pod_level, qos, requests_of

PlanOf = Callable[..., Plan]
Patched = Callable[[dict[str, Any], Plan], dict[str, Any]]

QUANTITIES: tuple[dict[str, str], ...] = (
    {},
    {"cpu": "0"},
    {"cpu": "500m"},
    {"memory": "1Gi"},
    {"nvidia.com/gpu": "1"},
    {"cpu": "2", "memory": "1024Mi"},
    {"cpu": "2000m", "memory": "1Gi", "nvidia.com/gpu": "1"},
)
KINDS = (
    {},
    {"limits": QUANTITIES[-1]},
    *({"limits": a, "requests": b} for a in QUANTITIES for b in QUANTITIES),
)
RESOURCES = st.sampled_from(KINDS)
UNKNOWN = st.sampled_from(({}, {}, {"fieldOfTomorrow": {"a": [None, 1, "$"]}, "volumeMounts": []}))
SOME = st.integers(0, 2)
PORT = st.sampled_from((80, 14001, 14002, 14003))
MODES = st.sampled_from(Mode)


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """A pod as it comes to the webhook, with a model server in it."""
    alike = draw(st.booleans())  # so that pods of class Guaranteed are not rare
    same = draw(RESOURCES)

    def container(name: str, **more: Any) -> dict[str, Any]:
        resources = same if alike else draw(RESOURCES)
        return {"name": name, "image": f"corp/{name}:1", "resources": resources} | more | draw(UNKNOWN)

    model = container(
        "vllm",
        image="vllm/vllm-openai:v0.10.1",
        ports=[{"name": "http", "containerPort": 8000}],
        readinessProbe={"httpGet": {"path": "/health", "port": draw(st.sampled_from(("http", 8000)))}},
    )
    others = [container(f"other-{at}", ports=[{"containerPort": draw(PORT)}]) for at in range(draw(SOME))]
    spec: dict[str, Any] = {"containers": draw(st.permutations([model, *others]))} | draw(UNKNOWN)
    restarts = st.sampled_from(({}, {"restartPolicy": "Always"}))
    inits = [container(f"init-{at}", **draw(restarts)) for at in range(draw(SOME))]
    if inits:
        spec["initContainers"] = inits
    spec |= draw(st.sampled_from(({}, {}, {"shareProcessNamespace": False})))
    spec |= draw(st.sampled_from(({}, {"terminationGracePeriodSeconds": 3})))
    if draw(st.integers(0, 3)) == 0:
        spec["resources"] = draw(RESOURCES)
    metadata: dict[str, Any] = {"generateName": "chat-"}
    metadata |= draw(st.sampled_from(({}, {"labels": {}}, {"labels": {"app": "chat", "a/b~c": "1"}})))
    metadata |= draw(st.sampled_from(({}, {"annotations": {"x/y": "1"}})))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(spec)}


def without_us(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod with our additions taken out again by hand."""
    pod = copy.deepcopy(pod)
    del pod["spec"]["initContainers"][0]
    if not pod["spec"]["initContainers"]:
        del pod["spec"]["initContainers"]
    for kind, key in (("annotations", "llmmonitor.io/monitor"), ("labels", "llmmonitor.io/injected")):
        del pod["metadata"][kind][key]
        if not pod["metadata"][kind]:
            del pod["metadata"][kind]
    return pod


@given(pods(), MODES)
@settings(max_examples=200)
def test_the_quality_of_service_class_stays(
    plan_of: PlanOf, patched: Patched, pod: dict[str, Any], mode: Mode
) -> None:
    assert qos(patched(pod, plan_of(pod, mode))) == qos(pod)


@given(pods(), st.sampled_from([Mode.TRANSPARENT, Mode.OFF]))
def test_every_field_of_the_pod_stays_known_to_us_or_not(
    plan_of: PlanOf, patched: Patched, pod: dict[str, Any], mode: Mode
) -> None:
    after = patched(pod, plan_of(pod, mode, resources={"processes": "Never"}))

    before = copy.deepcopy(pod)
    for kind in ("labels", "annotations"):
        if not before["metadata"].get(kind):
            before["metadata"].pop(kind, None)
    assert without_us(after) == before


@given(pods(), MODES)
def test_the_same_pod_and_plan_give_the_same_patch_and_a_second_call_none(
    plan_of: PlanOf, patched: Patched, pod: dict[str, Any], mode: Mode
) -> None:
    plan = plan_of(pod, mode)
    untouched = copy.deepcopy(pod)

    first, second = patch(pod, plan), patch(copy.deepcopy(pod), plan)

    assert first == second
    assert pod == untouched
    assert patch(patched(pod, plan), plan) == []


@given(pods(), MODES)
def test_the_sidecar_is_the_first_init_container_and_a_native_one(
    plan_of: PlanOf, patched: Patched, pod: dict[str, Any], mode: Mode
) -> None:
    """So that it is there before the model, and a Job ends with its main containers (KEP-753)."""
    after = patched(pod, plan_of(pod, mode))

    first, *others = after["spec"]["initContainers"]
    assert (first["name"], first["restartPolicy"]) == ("llm-monitor-sidecar", "Always")
    assert others == pod["spec"].get("initContainers", [])


@given(pods(), MODES)
def test_our_ports_are_nobody_elses(plan_of: PlanOf, pod: dict[str, Any], mode: Mode) -> None:
    plan = plan_of(pod, mode)

    declared = {port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports", ())}
    assert len({plan.relay_port, plan.api_port, plan.serving.port}) == 3
    assert not declared & {plan.relay_port, plan.api_port}


@given(pods(), MODES)
def test_containers_together_ask_for_no_more_than_the_pod_has(
    plan_of: PlanOf, patched: Patched, pod: dict[str, Any], mode: Mode
) -> None:
    whole = pod_level(pod)
    if whole is None:
        return

    def most(of: dict[str, Any]) -> dict[str, Any]:
        """Asked for at any time of the pod's life, whose phases are its init containers and what follows."""
        inits = of["spec"].get("initContainers", [])
        sidecar = [one.get("restartPolicy") == "Always" for one in inits]
        phases = [[*(inits[i] for i in range(at) if sidecar[i]), inits[at]] for at in range(len(inits))]
        phases.append(
            [*of["spec"]["containers"], *(one for one, on in zip(inits, sidecar, strict=True) if on)]
        )
        return {
            name: max(sum(requests_of(one["resources"]).get(name, 0) for one in phase) for phase in phases)
            for name in ("cpu", "memory")
        }

    after = patched(pod, plan_of(pod, mode))
    for name, asked in most(after).items():
        assert asked == most(pod)[name] or asked <= requests_of(whole).get(name, 0)
    ours = limits_of(after["spec"]["initContainers"][0]["resources"])
    assert all(ours[name] <= highest for name, highest in limits_of(whole).items() if name in ours)


def test_the_patch_is_as_small_as_it_can_be(plan_of: PlanOf) -> None:
    pod = {
        "metadata": {"labels": {"app": "chat"}, "annotations": {"x": "y"}},
        "spec": {
            "containers": [{"name": "vllm", "image": "vllm/vllm-openai:v1"}],
            "initContainers": [{"name": "download"}],
        },
    }

    operations = patch(pod, plan_of(pod))

    assert [(one["op"], one["path"]) for one in operations] == [
        ("add", "/metadata/annotations/llmmonitor.io~1monitor"),
        ("add", "/metadata/labels/llmmonitor.io~1injected"),
        ("add", "/spec/shareProcessNamespace"),
        ("add", "/spec/initContainers/0"),
    ]
    assert operations[0]["value"] == "chat"


def test_a_patch_is_plain_json(plan_of: PlanOf) -> None:
    pod = {"spec": {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v1"}]}}
    operations = patch(pod, plan_of(pod))

    assert jsonpatch.JsonPatch.from_string(str(jsonpatch.JsonPatch(operations))).patch == operations
