"""Which attached sidecar of an older image gets a successor, and what the others wait for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.operator.model_pods import COMMON, NOW, ended, moment, running, running_pod, waiting, with_attached

from llmmonitor_operator.attach.succession import Elder, Rules, Turn, turns
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import our_sidecar

OLD = "registry.test/sidecar@sha256:0"
RULES = Rules(image=COMMON.image, memory_limit="256Mi", proved=True, now=NOW)
UNPROVED = Rules(image=COMMON.image, memory_limit="256Mi", proved=False, now=NOW)


def pod(name: str, *successors: dict[str, Any], age: float = 7200, **resources: Any) -> dict[str, Any]:
    """Attached to for an hour; its successors' states."""
    given = running_pod(name, created=NOW - age, **resources)
    made = with_attached(given, running(NOW - 3600), *successors)
    for number, one in enumerate(made["spec"]["ephemeralContainers"]):
        one |= {"image": COMMON.image if number else OLD, "targetContainerName": "vllm"}
    return made


def elder(given: Raw, *, understands: bool | None = True, **known: Any) -> Elder:
    sidecar = our_sidecar(given)
    assert sidecar is not None
    return Elder(given, sidecar, understands, **known)


def decided(*pods: Raw, rules: Rules = RULES, **taken_over_at: float) -> dict[str, Turn]:
    elders = [elder(one) for one in pods]
    at = {f"uid-{name.replace('_', '-')}": moment for name, moment in taken_over_at.items()}
    return {uid.removeprefix("uid-"): turn for uid, turn in turns(pods, elders, rules, at).items()}


def test_the_oldest_pod_goes_first_and_the_others_wait_for_it() -> None:
    found = decided(pod("b", age=100), pod("a", age=200), pod("c", age=50))

    assert found["a"] == Turn("its successor is being attached", attach=True)
    for name in ("b", "c"):
        assert found[name] == Turn("waits for its turn: the sidecar of pod a is being succeeded")


def test_it_is_told_to_make_room_once_its_successor_runs_beside_it() -> None:
    found = decided(pod("a", running(NOW - 1)), pod("b"))

    assert found["a"] == Turn("its successor llm-monitor-2 runs and takes over", tell=True)
    assert found["b"].words == "waits for its turn: the sidecar of pod a is being succeeded"
    assert not found["b"].attach


def test_one_that_does_not_start_is_named_and_holds_up_the_others() -> None:
    found = decided(pod("a", waiting("ImagePullBackOff", "no such image")), pod("b"))

    assert found["a"].words == "its successor llm-monitor-2 does not run yet: ImagePullBackOff: no such image"
    assert not any(turn.attach or turn.tell for turn in found.values())


def test_the_first_one_is_the_proof_and_the_next_waits_for_it() -> None:
    taken_over = pod("a", running(NOW - 20))
    taken_over["status"]["ephemeralContainerStatuses"][0]["state"] = ended(NOW - 3600, NOW - 19)
    old = pod("b")

    first = turns([old], [elder(old)], UNPROVED, {})
    second = turns([taken_over, old], [elder(old)], UNPROVED, {})
    settling = turns([taken_over, old], [elder(old)], RULES, {"uid-a": NOW - 29})
    settled = turns([taken_over, old], [elder(old)], RULES, {"uid-a": NOW - 31})

    assert first["uid-b"].attach
    assert second["uid-b"] == Turn("waits until its image is proved in pod a")
    assert settling["uid-b"] == Turn("waits for its turn: the sidecar of pod a has just been succeeded")
    assert settled["uid-b"].attach


def test_if_a_successor_ends_the_elder_goes_on_and_nobody_else_gets_one() -> None:
    found = decided(pod("a", ended(NOW - 60, NOW - 50, "OOMKilled")), pod("b"))

    assert (
        found["a"].words
        == "its successor llm-monitor-2 ended (OOMKilled: exit code 137), so it goes on itself"
    )
    assert found["b"].words.startswith(
        "stopped: a sidecar of the new image ended by itself in pod a: OOMKilled"
    )
    assert not any(turn.attach or turn.tell for turn in found.values())


def test_one_that_crashed_after_it_took_over_stops_the_others_until_one_has_lived_for_long() -> None:
    crashed = pod("a", ended(NOW - 60, NOW - 50), running(NOW - 30))
    crashed["status"]["ephemeralContainerStatuses"][0]["state"] = ended(NOW - 3600, NOW - 70)
    old = pod("b")
    later = Rules(image=COMMON.image, memory_limit="256Mi", proved=True, now=NOW + 600)

    assert "stopped" in turns([crashed, old], [elder(old)], RULES, {})["uid-b"].words
    assert turns([crashed, old], [elder(old)], later, {})["uid-b"].attach


def test_after_a_rollback_the_one_that_made_room_for_the_newer_version_is_no_failure() -> None:
    rolled_back = pod("a", running(NOW - 600))
    first, newer = rolled_back["spec"]["ephemeralContainers"]
    first["image"], newer["image"] = COMMON.image, OLD
    made_room = ended(NOW - 3600, NOW - 599)
    made_room["terminated"]["exitCode"] = 0
    rolled_back["status"]["ephemeralContainerStatuses"][0]["state"] = made_room

    assert decided(rolled_back)["a"].attach


@pytest.mark.parametrize("how", ["with the model", "on purpose"])
def test_one_that_ended_with_the_model_or_for_a_successor_is_no_failure(how: str) -> None:
    other = pod("a", ended(NOW - 60, NOW - 50))
    other["status"]["ephemeralContainerStatuses"][0]["state"] = ended(NOW - 3600, NOW - 50)
    if how == "with the model":
        other["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": moment(NOW - 45)}}
    else:
        other["status"]["ephemeralContainerStatuses"][1]["state"]["terminated"]["exitCode"] = 0
    old = pod("b")

    assert turns([other, old], [elder(old)], RULES, {})["uid-b"].attach


def test_what_cannot_be_succeeded_says_so_and_lets_the_next_one_go() -> None:
    tight = pod("tight", age=900, requests={"memory": "1Gi"}, limits={"memory": "1700Mi"})
    often = pod("often", age=800)
    often["spec"]["ephemeralContainers"][0]["name"] = "llm-monitor-10"
    often["status"]["ephemeralContainerStatuses"][0]["name"] = "llm-monitor-10"
    out = pod("out", age=700)
    out["metadata"]["annotations"] = {"llmmonitor.io/inject": "false"}
    older, silent, refused, able = (pod(name, age=100) for name in ("older", "silent", "refused", "willing"))
    pods = [tight, often, out, older, silent, refused, able]
    elders = [
        elder(tight),
        elder(often),
        elder(out),
        elder(older, understands=False),
        elder(silent, understands=None),
        elder(refused, refused="its successor is refused: PodSecurityForbids"),
        elder(able),
    ]

    found = {uid.removeprefix("uid-"): turn for uid, turn in turns(pods, elders, RULES, {}).items()}

    assert [name for name, turn in found.items() if turn.attach] == ["willing"]
    assert "attaching needs 768 MiB" in found["tight"].words  # two sidecars, and as much again
    assert "attached 10 times, which is the limit" in found["often"].words
    assert "inject is false" in found["out"].words
    assert "cannot hand over to a newer one" in found["older"].words
    assert found["silent"].words == "its report is waited for"
    assert found["refused"].words == "its successor is refused: PodSecurityForbids"


def test_a_successor_of_an_image_that_is_old_by_now_is_followed_too() -> None:
    between = pod("a", running(NOW - 5))
    between["spec"]["ephemeralContainers"][1]["image"] = "registry.test/sidecar@sha256:between"
    failed = pod("b", ended(NOW - 60, NOW - 50), age=100)
    failed["spec"]["ephemeralContainers"][1]["image"] = "registry.test/sidecar@sha256:between"

    assert decided(between)["a"].tell
    assert decided(failed)["b"].attach
