from __future__ import annotations

import json
from typing import Any

import pytest
from tests.operator.model_pods import running_pod

from llmmonitor_api.spec.target import Target
from llmmonitor_operator.kube.kept import Kept, kept, remembered
from llmmonitor_operator.pods.pod import our_sidecar
from llmmonitor_operator.pods.serving import NotServing, find_serving
from llmmonitor_operator.reconcile.watch.kept_pods import kept_pod


def pod(name: str) -> dict[str, Any]:
    """As it comes over the wire: no text is shared with another's."""
    found: dict[str, Any] = json.loads(json.dumps(running_pod(name)))
    return found


def test_what_is_kept_is_the_same_json() -> None:
    thing = pod("chat-a")

    assert kept(thing) == thing
    assert json.loads(json.dumps(kept(thing))) == thing


def test_texts_that_are_alike_stand_in_memory_once() -> None:
    things = [pod("chat-a"), pod("chat-b")]
    for thing in things:
        thing["metadata"]["annotations"] = {"template": "".join(["x"] * 100_000)}
    one, other = map(kept, things)

    images = [thing["spec"]["containers"][0]["image"] for thing in (one, other)]
    keys = [next(iter(thing["metadata"]["labels"])) for thing in (one, other)]
    assert images[0] is images[1]
    assert keys[0] is keys[1]
    assert one["metadata"]["annotations"]["template"] is other["metadata"]["annotations"]["template"]


def test_what_was_read_is_read_once_and_never_of_another() -> None:
    read: list[str] = []

    def reading(thing: dict[str, Any]) -> str:
        return remembered(thing, "name", lambda: read.append(thing["metadata"]["name"]) or read[-1])  # type: ignore[func-returns-value]  # it notes and gives

    one, other = kept(pod("chat-a")), kept(pod("chat-b"))

    assert [reading(thing) for thing in (one, other, one, other)] == ["chat-a", "chat-b", "chat-a", "chat-b"]
    assert read == ["chat-a", "chat-b"]
    assert [reading(pod("chat-c")) for _ in range(2)] == ["chat-c"] * 2
    assert read[2:] == ["chat-c"] * 2


def test_what_is_remembered_is_bounded() -> None:
    thing = kept(pod("chat-a"))

    found = [remembered(thing, number, lambda number=number: number) for number in range(100)]  # type: ignore[misc]  # bound now

    assert found == list(range(100))
    assert len(thing.readings) <= 16


def test_a_pod_is_kept_without_what_nobody_reads() -> None:
    thing = pod("chat-a")
    thing["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    thing["spec"]["volumes"] = [{"name": "models"}]
    thing["spec"]["containers"][0]["volumeMounts"] = [{"name": "models", "mountPath": "/models"}]
    thing["status"]["containerStatuses"][0]["containerID"] = "containerd://0"
    before = json.dumps(thing)

    found = kept_pod(thing)

    assert isinstance(found, Kept)
    assert json.dumps(thing) == before
    for gone in ("managedFields", "volumes", "volumeMounts", "containerID"):
        assert gone not in json.dumps(found)
    assert found["spec"]["containers"][0]["image"] == thing["spec"]["containers"][0]["image"]
    assert (
        found["status"]["containerStatuses"][0]["state"] == thing["status"]["containerStatuses"][0]["state"]
    )


@pytest.mark.parametrize("thing", [{"metadata": {"name": "a"}}, {"metadata": {"name": "a"}, "spec": None}])
def test_a_pod_without_spec_or_status_is_kept_too(thing: dict[str, Any]) -> None:
    assert kept_pod(thing)["metadata"] == {"name": "a"}


def test_what_a_pod_says_is_the_same_kept_or_not() -> None:
    raw, thing = pod("chat-a"), kept_pod(pod("chat-a"))
    ports = Target(port=9000)

    for _ in range(2):
        assert our_sidecar(thing) == our_sidecar(raw)
        assert find_serving(thing, Target()) == find_serving(raw, Target())
        assert find_serving(thing, ports).port == 9000
        with pytest.raises(NotServing, match="no container other"):
            find_serving(thing, Target(container="other"))
