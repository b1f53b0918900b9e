from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.model_pods import COMMON, NAMESPACE, NOW, VERDICT, created_pod, monitor

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.decide import WARNING_LIMIT, Admission, Surroundings, admit
from llmmonitor_operator.admit.injectable import ANNOTATIONS_BYTES_LIMIT
from llmmonitor_operator.pods.selectors import owner_among
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

AROUND = Surroundings(namespace=NAMESPACE, monitors=(monitor(),), common=COMMON, verdict=VERDICT, fresh=True)


def configuration(owner: LLMMonitor) -> str:
    return f'{{"of": "{owner.metadata.name}"}}'


def admitted(pod: object, around: Surroundings = AROUND) -> Admission:
    return admit(pod, around, configuration)


def verdict(**changes: Any) -> Surroundings:
    return replace(AROUND, verdict=msgspec.structs.replace(VERDICT, **changes))


def test_a_pod_of_a_controller_gets_the_sidecar_first() -> None:
    pod = created_pod()

    admission = admitted(pod)

    changed = jsonpatch.apply_patch(pod, admission.patch)
    (sidecar,) = changed["spec"]["initContainers"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("llm-monitor-sidecar", "Always")
    assert sidecar["image"] == COMMON.image
    assert {"name": "LLM_MONITOR_CONFIGURATION", "value": '{"of": "chat"}'} in sidecar["env"]
    assert changed["metadata"]["annotations"] == {"llmmonitor.io/monitor": "chat"}
    assert (admission.reason, admission.warning) == ("injected", "")
    assert changed["spec"]["containers"] == pod["spec"]["containers"]


def test_the_same_pod_gets_the_same_patch_and_is_not_changed_itself() -> None:
    pod = created_pod(requests={"memory": "1Gi"})
    before = copy.deepcopy(pod)

    assert admitted(pod) == admitted(copy.deepcopy(pod))
    assert pod == before


def test_called_again_it_has_nothing_to_add() -> None:
    pod = created_pod()
    injected = jsonpatch.apply_patch(pod, admitted(pod).patch)

    assert admitted(injected) == Admission(reason="already-injected")


def test_a_pod_that_no_monitor_selects_passes_in_silence() -> None:
    pod = created_pod()
    pod["metadata"]["labels"] = {"app": "other"}

    assert admitted(pod) == Admission(reason="not-selected")
    assert admitted(created_pod(), replace(AROUND, monitors=())) == Admission(reason="not-selected")


def test_a_pod_that_opted_out_passes_in_silence() -> None:
    pod = created_pod()
    pod["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}

    assert admitted(pod) == Admission(reason="opted-out")


def test_what_was_to_keep_the_sidecar_out_and_does_not_is_said_with_what_does() -> None:
    for kind, value in (
        ("annotations", "no"),
        ("annotations", "0"),
        ("annotations", ""),
        ("labels", "false"),
    ):
        pod = created_pod()
        pod["metadata"].setdefault(kind, {})["llmmonitor.io/inject"] = value

        admission = admitted(pod)

        assert admission.reason == "injected"
        what = kind.removesuffix("s")
        assert admission.vain_opt_out.startswith(f'the {what} llmmonitor.io/inject: "{value}"')
        assert admission.vain_opt_out.endswith('only the annotation llmmonitor.io/inject: "false" does')
        assert admitted(pod, verdict(proved_image="")).vain_opt_out == admission.vain_opt_out


@pytest.mark.parametrize("value", ["false", "False", "true", None])
def test_what_counts_or_asks_for_a_sidecar_is_in_vain_for_nobody(value: str | None) -> None:
    pod = created_pod()
    if value is not None:
        pod["metadata"]["annotations"] = {"llmmonitor.io/inject": value}

    assert admitted(pod).vain_opt_out == ""


def test_of_several_monitors_the_oldest_has_the_pod() -> None:
    young = monitor("aaa", created=NOW - 10)
    old = monitor("zzz", created=NOW - 20)
    as_old = monitor("bbb", created=NOW - 20)
    other = monitor("ccc", created=NOW - 30, selector={"matchLabels": {"app": "other"}})

    owner = owner_among([young, old, as_old, other], created_pod())
    assert owner is not None
    assert owner.metadata.name == "bbb"


def bare(pod: dict[str, Any]) -> None:
    del pod["metadata"]["ownerReferences"]


def owned_by_nobody_in_charge(pod: dict[str, Any]) -> None:
    pod["metadata"]["ownerReferences"][0]["controller"] = False


def static(pod: dict[str, Any]) -> None:
    pod["metadata"]["ownerReferences"] = [{"kind": "Node", "name": "n", "controller": True}]


def windows(pod: dict[str, Any]) -> None:
    pod["spec"]["nodeSelector"] = {"kubernetes.io/os": "windows"}


def name_taken(pod: dict[str, Any]) -> None:
    first = pod["spec"]["containers"][0]
    pod["spec"]["containers"].append({**first, "name": "llm-monitor-sidecar", "image": "anybodys"})


def init_name_taken(pod: dict[str, Any]) -> None:
    pod["spec"]["initContainers"] = [{"name": "llm-monitor-sidecar", "image": "anybodys", "env": []}]


def full_of_annotations(pod: dict[str, Any]) -> None:
    pod["metadata"]["annotations"] = {"note": "x" * (ANNOTATIONS_BYTES_LIMIT - len("note") - 10)}


def every_port(pod: dict[str, Any]) -> None:
    ports = [{"containerPort": number} for number in range(14_000, 65_536)]
    pod["spec"]["containers"][0]["ports"] += ports


def no_model(pod: dict[str, Any]) -> None:
    pod["spec"]["containers"] = [{"name": "a", "image": "busybox"}, {"name": "b", "image": "busybox"}]


@pytest.mark.parametrize(
    ("change", "reason", "later"),
    [
        (bare, "bare-pod", True),
        (owned_by_nobody_in_charge, "bare-pod", True),
        (static, "bare-pod", True),
        (windows, "not-linux", False),
        (no_model, "no-model-server", False),
        (name_taken, "name-taken", True),
        (init_name_taken, "name-taken", True),
        (full_of_annotations, "no-room", True),
        (every_port, "no-port", False),
    ],
)
def test_what_cannot_be_injected_starts_unchanged_with_a_warning(
    change: Callable[[dict[str, Any]], None], reason: str, *, later: bool
) -> None:
    pod = created_pod()
    change(pod)

    admission = admitted(pod)
    assert (admission.patch, admission.reason) == ([], reason)
    assert admission.warning.startswith("llm-monitor: started without sidecar: ")
    assert admission.warning.endswith("; it is attached once the pod runs") is later


def test_a_name_that_is_taken_is_said_with_the_way_out() -> None:
    pod = created_pod()
    init_name_taken(pod)

    assert "container of the pod's own is called llm-monitor-sidecar" in admitted(pod).warning
    assert "rename it" in admitted(pod).warning


QUOTA = {
    "metadata": {"name": "compute"},
    "spec": {"hard": {"pods": "0"}},
    "status": {"hard": {"pods": "0"}, "used": {"pods": "0"}},
}
OTHER_NAMESPACE = {"metadata": {"name": "prod", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        (replace(AROUND, common=None), "no-verdict"),
        (replace(AROUND, verdict=None), "no-verdict"),
        (replace(AROUND, fresh=False), "stale-verdict"),
        (replace(AROUND, namespace=OTHER_NAMESPACE), "rules-changed"),
        (replace(AROUND, namespace={}), "rules-changed"),
        (replace(AROUND, quotas=[QUOTA]), "rules-changed"),
        (
            replace(AROUND, limit_ranges=[{"metadata": {"name": "l"}, "spec": {"limits": []}}]),
            "rules-changed",
        ),
        (verdict(suspended="SidecarBlocksPod", message="ErrImagePull"), "suspended"),
        (verdict(proved_image=""), "not-proved"),
        (verdict(proved_image="registry.test/sidecar@sha256:0"), "not-proved"),
        (verdict(transparent=None), "not-admitted"),
        (verdict(transparent=None, untestable=True), "not-admitted"),
        (verdict(transparent=False, plain=False, refused_by="PodSecurityForbids"), "not-admitted"),
    ],
)
def test_in_any_doubt_the_pod_starts_without_sidecar(around: Surroundings, reason: str) -> None:
    admission = admitted(created_pod(), around)

    assert (admission.patch, admission.reason) == ([], reason)
    assert admission.warning


def test_what_a_quota_would_refuse_is_not_put_in() -> None:
    around = replace(
        AROUND,
        quotas=[QUOTA],
        verdict=NamespaceVerdict(
            fingerprint=fingerprint(NAMESPACE, [QUOTA], []), transparent=True, proved_image=COMMON.image
        ),
    )

    admission = admitted(created_pod(), around)
    assert admission.reason == "over-limit"
    assert "ResourceQuota compute: pods 0 used + 1 > 0" in admission.warning


def test_without_net_admin_the_sidecar_comes_in_mode_off() -> None:
    admission = admitted(created_pod(), verdict(transparent=False, plain=True))

    (sidecar,) = [one["value"][0] for one in admission.patch if one["path"] == "/spec/initContainers"]
    assert {"name": "LLM_MONITOR_MODE", "value": "off"} in sidecar["env"]
    assert sidecar["securityContext"]["runAsNonRoot"] is True


def test_warnings_are_short_enough_for_the_api_server() -> None:
    admission = admitted(created_pod(), verdict(suspended="InjectionSuspended", message="x" * 5000))

    assert len(admission.warning) == WARNING_LIMIT
    assert admission.warning.endswith("…; it is attached once the pod runs")


PORT = {"mode": "Port"}
NOT_PROVED: dict[str, Any] = {"proved_image": ""}
FORBIDDEN = {"transparent": False, "plain": False, "refused_by": "PodSecurityForbids"}


@pytest.mark.parametrize(
    ("around", "then"),
    [
        (verdict(**NOT_PROVED), "it is attached once the pod runs"),
        (verdict(suspended="SidecarBlocksPod", message="x"), "it is attached once the pod runs"),
        (verdict(transparent=None, untestable=True), "it is attached once the pod runs"),
        (replace(AROUND, common=None), "it is attached once the pod runs, if the namespace admits it"),
        (replace(AROUND, quotas=[QUOTA]), "it is attached once the pod runs, if the namespace admits it"),
        (verdict(transparent=None), "it is attached once the pod runs, if the namespace admits it"),
        (
            replace(AROUND, fresh=False),
            "it is attached once the operator is back, if the namespace admits it",
        ),
        (verdict(**NOT_PROVED, **FORBIDDEN), "nor is it attached: PodSecurityForbids"),
        (verdict(**FORBIDDEN), "nor is it attached: PodSecurityForbids"),
        (
            verdict(**NOT_PROVED, transparent=False, plain=True),
            "it is attached once the pod runs, and does not read its traffic: NotPermitted",
        ),
        (
            replace(verdict(**NOT_PROVED), monitors=(monitor(interception=PORT, existingPods="Ignore"),)),
            "it is attached once the pod runs, and does not read its traffic: NeedsRestart",
        ),
        (
            replace(verdict(**NOT_PROVED), monitors=(monitor(existingPods="Ignore"),)),
            "it is attached once the pod runs",  # that is about pods from before the monitor
        ),
    ],
)
def test_the_warning_says_what_becomes_of_the_pod_and_no_more(around: Surroundings, then: str) -> None:
    assert admitted(created_pod(), around).warning.endswith(f"; {then}")


@pytest.mark.parametrize(
    ("limit", "requested", "then"),
    [
        ("400Mi", "100Mi", "nor is it attached: NoMemoryHeadroom"),
        ("8Gi", "8Gi", "it is attached once the pod runs and is seen to leave memory for it"),
        ("8Gi", "1Gi", "it is attached once the pod runs"),
    ],
)
def test_the_warning_says_what_the_memory_limit_leaves(limit: str, requested: str, then: str) -> None:
    pod = created_pod(limits={"memory": limit}, requests={"memory": requested})

    assert admitted(pod, verdict(**NOT_PROVED)).warning.endswith(f"; {then}")


def test_nothing_is_promised_to_a_static_pod() -> None:
    pod = created_pod()
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    static(pod)

    assert admitted(pod).warning.endswith("; nor can anything be attached to a static pod")


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


def test_fields_that_this_version_does_not_know_survive() -> None:
    pod = created_pod()
    pod["spec"]["fieldOfTheFuture"] = {"deep": [1, {"x": None}]}
    pod["spec"]["containers"][0]["fieldOfTheFuture"] = True

    changed = jsonpatch.apply_patch(pod, admitted(pod).patch)
    assert changed["spec"]["fieldOfTheFuture"] == {"deep": [1, {"x": None}]}
    assert changed["spec"]["containers"][0]["fieldOfTheFuture"] is True
