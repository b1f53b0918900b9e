from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonpatch
import pytest
from tests.operator.admit.admission import AROUND, QUOTA, admitted, static, verdict
from tests.operator.model_pods import COMMON, NAMESPACE, NOW, created_pod, monitor

from llmmonitor_operator.admit.decide import WARNING_LIMIT, Admission, Surroundings
from llmmonitor_operator.admit.injectable import ANNOTATIONS_BYTES_LIMIT
from llmmonitor_operator.pods.selectors import owner_among
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.verdict import NamespaceVerdict


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


def test_fields_that_this_version_does_not_know_survive() -> None:
    pod = created_pod()
    pod["spec"]["fieldOfTheFuture"] = {"deep": [1, {"x": None}]}
    pod["spec"]["containers"][0]["fieldOfTheFuture"] = True

    changed = jsonpatch.apply_patch(pod, admitted(pod).patch)
    assert changed["spec"]["fieldOfTheFuture"] == {"deep": [1, {"x": None}]}
    assert changed["spec"]["containers"][0]["fieldOfTheFuture"] is True
