from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.model_pods import (
    COMMON,
    NOW,
    VERDICT,
    created_pod,
    ended,
    moment,
    running,
    running_pod,
    waiting,
    with_attached,
)

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.attach.evict import to_evict
from llmmonitor_operator.attach.proof import blocked, proved, provers
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.suspension import suspend

IMAGE = COMMON.image


def names(pods: Sequence[Raw]) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods]


def injected_pod(
    name: str, state: dict[str, Any], *, sandbox_at: float = NOW - 60, initialized: bool = False
) -> dict[str, Any]:
    """Its main containers wait for our native sidecar."""
    pod = created_pod()
    pod["metadata"] |= {
        "name": name,
        "namespace": "prod",
        "uid": f"uid-{name}",
        "creationTimestamp": moment(NOW - 90),
    }
    pod["spec"]["initContainers"] = [
        {
            "name": "llm-monitor-sidecar",
            "image": IMAGE,
            "restartPolicy": "Always",
            "env": [{"name": "LLM_MONITOR_MODE", "value": "transparent"}],
        }
    ]
    pod["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodReadyToStartContainers",
                "status": "True",
                "lastTransitionTime": moment(sandbox_at),
            },
            {"type": "Initialized", "status": "True" if initialized else "False"},
        ],
        "initContainerStatuses": [{"name": "llm-monitor-sidecar", "state": state}],
    }
    return pod


STUCK = waiting("ImagePullBackOff", 'Back-off pulling image "registry.test/sidecar"')


@pytest.mark.parametrize(("seconds", "enough"), [(29.0, False), (30.0, True)])
def test_an_image_is_proved_by_thirty_seconds_of_running(seconds: float, *, enough: bool) -> None:
    pod = with_attached(running_pod(), running(NOW - seconds))

    assert proved([running_pod("other"), pod], IMAGE, NOW) is enough


def test_an_injected_sidecar_proves_as_well() -> None:
    assert proved([injected_pod("a", running(NOW - 40), initialized=True)], IMAGE, NOW)


def test_another_image_or_a_life_that_ended_proves_nothing() -> None:
    assert not proved([with_attached(running_pod(), running(NOW - 60))], "another", NOW)
    assert not proved([with_attached(running_pod(), ended(NOW - 90, NOW - 10))], IMAGE, NOW)
    assert not proved([with_attached(running_pod(), STUCK)], IMAGE, NOW)


def test_the_oldest_ready_pod_is_to_prove() -> None:
    pods = [running_pod("b", created=NOW - 10), running_pod("a", created=NOW - 20)]
    loading = running_pod("c", created=NOW - 30)
    loading["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

    assert names(provers([loading, *pods], IMAGE))[0] == "a"
    assert names(provers([loading, *pods], IMAGE))[-1] == "c"
    assert names(provers([loading], IMAGE)) == ["c"]


@pytest.mark.parametrize("state", [running(NOW - 1), STUCK])
def test_a_pod_that_is_about_to_prove_goes_on(state: dict[str, Any]) -> None:
    trying = with_attached(running_pod("z", created=NOW - 1), state)

    assert names(provers([running_pod("a"), trying], IMAGE)) == ["z"]


def test_pods_that_opted_out_leave_or_wait_do_not_prove() -> None:
    out = running_pod("a")
    out["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}
    leaving = running_pod("b")
    leaving["metadata"]["deletionTimestamp"] = moment(NOW)
    pending = running_pod("c")
    pending["status"]["phase"] = "Pending"

    assert provers([out, leaving, pending], IMAGE) == ()


@pytest.mark.parametrize(
    "state",
    [STUCK, waiting("PodInitializing"), waiting("CreateContainerConfigError"), ended(NOW - 9, NOW - 5), {}],
)
def test_a_sidecar_that_does_not_run_for_thirty_seconds_blocks_its_pod(state: dict[str, Any]) -> None:
    (found,) = blocked([injected_pod("a", state, sandbox_at=NOW - 30)], NOW)

    assert (found.name, found.uid, found.image) == ("a", "uid-a", IMAGE)
    assert found.message.startswith("container llm-monitor-sidecar does not run: ")
    assert blocked([injected_pod("a", state, sandbox_at=NOW - 29)], NOW) == []


def test_the_kubelets_words_are_in_the_message() -> None:
    (found,) = blocked([injected_pod("a", STUCK)], NOW)

    assert found.message.endswith('ImagePullBackOff: Back-off pulling image "registry.test/sidecar"')


def test_pods_that_wait_for_something_else_are_not_blocked_by_us() -> None:
    fetching = injected_pod("fetching", running(NOW - 55))
    restarting = injected_pod("restarting", waiting("CrashLoopBackOff"), initialized=True)
    unscheduled = injected_pod("unscheduled", {})
    unscheduled["status"]["conditions"] = []
    no_network = injected_pod("no-network", waiting("PodInitializing"))
    no_network["status"]["conditions"][0]["status"] = "False"

    assert blocked([fetching, restarting, unscheduled, no_network, running_pod()], NOW) == []


SUSPENDED = suspend(VERDICT, reasons.SIDECAR_BLOCKS_POD, "x", image=IMAGE, now=NOW - 10)


def test_the_pod_that_waited_longest_is_evicted_and_each_once() -> None:
    pods = [injected_pod("new", STUCK, sandbox_at=NOW - 40), injected_pod("old", STUCK, sandbox_at=NOW - 50)]

    first = to_evict(pods, SUSPENDED, frozenset(), NOW, image=IMAGE)
    assert first is not None
    assert (first.namespace, first.name, first.uid) == ("prod", "old", "uid-old")
    second = to_evict(pods, SUSPENDED, frozenset({"uid-old"}), NOW, image=IMAGE)
    assert second is not None
    assert second.name == "new"
    assert to_evict(pods, SUSPENDED, frozenset({"uid-old", "uid-new"}), NOW, image=IMAGE) is None


def test_none_is_evicted_before_the_webhook_can_know_or_while_another_leaves() -> None:
    pods = [injected_pod("a", STUCK)]
    just_now = suspend(VERDICT, reasons.SIDECAR_BLOCKS_POD, "x", image=IMAGE, now=NOW - 1)
    leaving = injected_pod("b", STUCK)
    leaving["metadata"]["deletionTimestamp"] = moment(NOW)

    assert to_evict(pods, VERDICT, frozenset(), NOW, image=IMAGE) is None
    assert to_evict(pods, just_now, frozenset(), NOW, image=IMAGE) is None
    assert to_evict([*pods, leaving], SUSPENDED, frozenset(), NOW, image=IMAGE) is None


def test_one_that_waits_for_an_older_image_is_evicted_at_once() -> None:
    found = to_evict(
        [injected_pod("a", STUCK)], VERDICT, frozenset(), NOW, image="registry.test/sidecar@sha256:2"
    )

    assert found is not None
    assert found.name == "a"


@pytest.mark.parametrize(
    "owners", [[], [{"kind": "ReplicaSet"}], [{"kind": "Node", "controller": True}], None]
)
def test_what_no_controller_brings_back_is_not_evicted(owners: Any) -> None:
    pod = injected_pod("a", STUCK)
    pod["metadata"]["ownerReferences"] = owners

    assert to_evict([pod], SUSPENDED, frozenset(), NOW, image=IMAGE) is None


@given(
    st.lists(
        st.builds(
            injected_pod,
            st.sampled_from("abc"),
            st.sampled_from([STUCK, running(NOW - 50), ended(NOW - 9, NOW - 3), {}]),
            sandbox_at=st.floats(NOW - 100, NOW),
            initialized=st.booleans(),
        ),
        max_size=4,
    ),
    st.frozensets(st.sampled_from(["uid-a", "uid-b", "uid-c"])),
)
def test_only_blocked_pods_that_were_not_evicted_are(
    pods: list[dict[str, Any]], evicted: frozenset[str]
) -> None:
    found = to_evict(pods, SUSPENDED, evicted, NOW, image=IMAGE)

    candidates = {one.uid for one in blocked(pods, NOW)} - evicted
    assert (found is None) == (not candidates)
    assert found is None or found.uid in candidates


def test_an_owners_container_of_that_name_is_none_of_ours() -> None:
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    pod = injected_pod("a", waits)
    pod["spec"]["initContainers"][0]["env"] = [{"name": "GREETING", "value": "hello"}]

    assert blocked([pod], NOW + 60) == []
    assert to_evict([pod], SUSPENDED, frozenset(), NOW + 60, image="another") is None
