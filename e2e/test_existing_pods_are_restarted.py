"""`existingPods: Restart`: pods that came before the monitor go one at a time, and clients notice nothing."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from e2e import chat, small_models
from e2e.installed import Installed, values_for
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT
from e2e.waiting import condition, events, until

MINUTES = 60.0
WITHIN_SECONDS = 60.0
"""What a successor is given here; 15 minutes where nobody says otherwise."""
TOGETHER, ALONE, BARE, LOCKED, GROUPS, LEFT, LATE = (
    "together",
    "alone",
    "bare",
    "locked",
    "groups",
    "left",
    "late",
)
PROBE = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
DRAINS_SECONDS = 15
"""A server that goes on while the endpoint is taken away, as real ones are told to."""


@pytest.fixture(scope="module")
def impatient(product: Installed) -> Iterator[Installed]:
    """The operator gives a successor a minute."""
    operator = values_for(product.images)["operator"]
    product.upgrade(operator={**operator, "restartTimeout": f"{WITHIN_SECONDS:.0f}s"})
    yield product
    product.upgrade()


@pytest.fixture(scope="module")
def place(impatient: Installed) -> Iterator[Kubectl]:
    """A namespace in which nothing is proved yet."""
    name = f"e2e-restart-{secrets.token_hex(3)}"
    impatient.kubectl("create", "namespace", name)
    yield impatient.kubectl.within(name)
    impatient.kubectl("delete", "namespace", name, "--wait=false")


def deployment(name: str, image: str, *, replicas: int = 2, **fields: Any) -> dict[str, Any]:
    container = small_models.server(image, readinessProbe=PROBE, **fields)
    return small_models.deployment(
        name, container, replicas=replicas, terminationGracePeriodSeconds=DRAINS_SECONDS
    )


def budget(name: str, least: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": name}}},
    }


def service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": PORT, "targetPort": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def up(namespace: Kubectl, name: str, kind: str = "deployment") -> list[dict[str, Any]]:
    """Its pods, once all are Ready."""
    namespace("rollout", "status", f"{kind}/{name}", "--timeout=180s")
    return chat.pods(namespace, name)


def uids(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def pods_of(namespace: Kubectl, name: str) -> dict[str, Any]:
    """What the status says of them."""
    status = namespace.get(f"llmmonitor/{name}").get("status") or {}
    return dict(status.get("pods") or {})


def progress(namespace: Kubectl, name: str) -> dict[str, Any]:
    return dict(pods_of(namespace, name).get("restart") or {})


@dataclass
class Watch:
    """How many pods were Ready, and what the progress said, second by second."""

    ready: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    waited_for: list[str] = field(default_factory=list)


@contextmanager
def watching(namespace: Kubectl, name: str) -> Iterator[Watch]:
    found, over = Watch(), threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            pods = chat.pods(namespace, name)
            found.ready.append(sum(map(small_models.ready, pods)))
            seen = progress(namespace, name)
            if seen.get("message") and seen["message"] not in found.said:
                found.said.append(seen["message"])
            waits = (seen.get("waitingFor") or {}).get("name")
            if waits and waits not in found.waited_for:
                found.waited_for.append(waits)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def test_both_pods_of_a_deployment_are_replaced_in_turn_and_no_request_fails(
    place: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    place.apply(deployment(TOGETHER, sidecar_image), budget(TOGETHER, 2), service(TOGETHER))
    before = up(place, TOGETHER)
    address = place.get(f"service/{TOGETHER}")["spec"]["clusterIP"]
    place.apply(small_models.client("asking", sidecar_image, address, seconds=9 * MINUTES, pause=0.1))

    with watching(place, TOGETHER) as watch:
        place.apply(small_models.monitor(TOGETHER, existingPods="Restart"))
        until(
            lambda: "disruption budget" in progress(place, TOGETHER).get("message", ""),
            "the budget's words to be said",
            3 * MINUTES,
        )
        waiting = progress(place, TOGETHER)
        forbidden = condition(place, TOGETHER, 10.0, Injected="PodPredatesMonitor")["Injected"]["message"]
        still_there = uids(chat.pods(place, TOGETHER))
        began = time.monotonic()
        place.apply(budget(TOGETHER, 1))
        until(
            lambda: progress(place, TOGETHER).get("done") == len(before),
            "both pods to be replaced",
            4 * MINUTES,
        )
        took = time.monotonic() - began
    found = condition(place, TOGETHER, 1 * MINUTES, Injected="True", Reporting="True", Ready="True")

    after = chat.pods(place, TOGETHER)
    small_models.end(place, "asking")
    client = small_models.seen(place, "asking", 5 * MINUTES)
    figure(f"two pods replaced in {took:.0f} s, at least {min(watch.ready)} Ready; client {client}")
    assert still_there == uids(before)
    assert (waiting["planned"], waiting["done"]) == (2, 0)
    assert "tried again: Cannot evict pod as it would violate the pod's disruption budget" in forbidden
    assert min(watch.ready) >= 1
    assert sorted(watch.waited_for) == sorted(pod["metadata"]["name"] for pod in before)
    assert any("seen running in this namespace" in words for words in watch.said), watch.said
    assert any("waited for until" in words for words in watch.said), watch.said
    assert not uids(before) & uids(after)
    assert [small_models.injected(pod) for pod in after] == [True, True]
    assert not any(map(small_models.attached, after))
    assert "2 of 2 replaced: all 2 replaced" in found["Injected"]["message"]
    assert client["failed"] == 0
    assert client["answered"] > 100
    evicted = [words for words in events(place, TOGETHER) if words.startswith("evicted pod")]
    assert [words.split(",")[0].split("(")[1] for words in evicted] == ["1 of 2)", "2 of 2)"]


def test_pods_that_none_would_serve_for_are_not_restartable(place: Kubectl, sidecar_image: str) -> None:
    alone = deployment(ALONE, sidecar_image, replicas=1)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": BARE, "labels": {"app": ALONE}}}
    place.apply(alone, {**pod, "spec": alone["spec"]["template"]["spec"]})
    before = up(place, ALONE)
    place("wait", "--for=condition=Ready", f"pod/{BARE}", "--timeout=120s")
    [single] = [one["metadata"]["name"] for one in before if one["metadata"]["name"] != BARE]

    place.apply(small_models.monitor(ALONE, existingPods="Restart"))
    condition(place, ALONE, 2 * MINUTES, Injected="NotRestartable")

    said = {one["name"]: one for one in pods_of(place, ALONE)["notMonitored"]}
    assert {one["reason"] for one in said.values()} == {"NotRestartable"}
    assert "no controller" in said[BARE]["message"]
    assert "has 1 replica, and two must be Ready" in said[single]["message"]
    time.sleep(20)
    assert uids(chat.pods(place, ALONE)) == uids(before)

    place("annotate", f"pod/{single}", f"pod/{BARE}", "llmmonitor.io/restart=true")
    until(lambda: progress(place, ALONE).get("done") == 1, "the single replica to be replaced", 3 * MINUTES)

    names = {one["metadata"]["name"]: one for one in chat.pods(place, ALONE)}
    assert single not in names
    assert names[BARE]["metadata"]["uid"] in uids(before), "nothing would make a bare pod anew"
    assert [small_models.injected(one) for name, one in names.items() if name != BARE] == [True]


def test_a_successor_that_never_gets_ready_stops_it_until_that_pod_is_gone(
    place: Kubectl, sidecar_image: str
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "licence"}, "stringData": {"k": "v"}}
    reference = {"valueFrom": {"secretKeyRef": {"name": "licence", "key": "k"}}}
    place.apply(secret, deployment(LOCKED, sidecar_image, env=[{"name": "LICENCE", **reference}]))
    before = up(place, LOCKED)
    place("delete", "secret/licence")

    place.apply(small_models.monitor(LOCKED, existingPods="Restart"))
    found = condition(place, LOCKED, WITHIN_SECONDS + 3 * MINUTES, Injected="RestartStopped")
    stopped = progress(place, LOCKED)

    [failed] = [one for one in chat.pods(place, LOCKED) if not small_models.ready(one)]
    assert stopped["failed"]["name"] == failed["metadata"]["name"]
    assert (stopped["planned"], stopped["done"]) == (2, 0)
    assert f"stopped at pod {failed['metadata']['name']}" in found["Injected"]["message"]
    assert "1 min after pod" in found["Injected"]["message"]
    assert any(words.startswith("stopped at pod") for words in events(place, LOCKED))
    [kept] = uids(chat.pods(place, LOCKED)) - uids([failed])
    assert kept in uids(before)

    place.apply(secret)
    until(lambda: all(map(small_models.ready, chat.pods(place, LOCKED))), "the pod to start", 2 * MINUTES)
    time.sleep(20)
    assert kept in uids(chat.pods(place, LOCKED)), "that it is Ready after all ends no stop"
    place("delete", f"pod/{failed['metadata']['name']}", "--wait=false")
    until(lambda: progress(place, LOCKED).get("done") == len(before), "it to go on", 4 * MINUTES)
    condition(place, LOCKED, 1 * MINUTES, Injected="True", Reporting="True")
    assert not uids(chat.pods(place, LOCKED)) & uids(before)


def test_groups_of_a_kind_that_this_cluster_does_not_have_are_left_alone(
    place: Kubectl, sidecar_image: str
) -> None:
    found = deployment(GROUPS, sidecar_image)
    owner = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": GROUPS}
    identity = {"uid": "6f1d1c0e-0000-4000-8000-000000000000", "controller": True}
    metadata = {"name": GROUPS, "ownerReferences": [{**owner, **identity}]}
    del found["spec"]["replicas"]
    spec = {**found["spec"], "serviceName": GROUPS, "replicas": 2}
    place.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec})
    before = up(place, GROUPS, "statefulset")

    place.apply(small_models.monitor(GROUPS, existingPods="Restart"))
    condition(place, GROUPS, 2 * MINUTES, Injected="NotRestartable")

    [first, _] = pods_of(place, GROUPS)["notMonitored"]
    assert "LeaderWorkerSet groups, which has StatefulSet groups, is not there" in first["message"]
    assert uids(chat.pods(place, GROUPS)) == uids(before)
    place("delete", f"statefulset/{GROUPS}", "--wait=false")


def test_under_ignore_they_are_counted_and_left_as_they_are(place: Kubectl, sidecar_image: str) -> None:
    place.apply(deployment(LEFT, sidecar_image, replicas=1))
    before = up(place, LEFT)

    place.apply(small_models.monitor(LEFT, existingPods="Ignore"))
    found = condition(place, LEFT, 2 * MINUTES, Injected="PodPredatesMonitor")

    after = chat.pods(place, LEFT)
    assert uids(after) == uids(before)
    assert not any(map(small_models.attached, after))
    assert pods_of(place, LEFT)["predating"] == 1
    assert "1 came before the monitor" in found["Injected"]["message"]


def test_pods_that_came_while_neither_operator_nor_webhook_ran_are_attached_to(
    impatient: Installed, place: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    release = ("deployment/llm-monitor-operator", "deployment/llm-monitor-webhook")
    place.apply(small_models.monitor(LATE, existingPods="Restart"))
    condition(place, LATE, 1 * MINUTES, Ready="NoMatchingPods")
    impatient.kubectl("scale", *release, "--replicas=0")
    try:
        until(lambda: not impatient.kubectl.get("pods")["items"], "both to be gone", 2 * MINUTES)
        place.apply(deployment(LATE, sidecar_image))
        before = up(place, LATE)
        assert not any(small_models.injected(pod) or small_models.attached(pod) for pod in before)
    finally:
        began = time.monotonic()
        impatient.kubectl("scale", *release, "--replicas=2")
    until(
        lambda: all(map(small_models.attached, chat.pods(place, LATE))), "both to be attached to", 3 * MINUTES
    )
    took = time.monotonic() - began
    condition(place, LATE, 2 * MINUTES, Injected="True", Reporting="True")

    figure(f"attached {took:.1f} s after the operator was asked to come back")
    assert took < MINUTES
    assert uids(chat.pods(place, LATE)) == uids(before), "they came after the monitor: none is replaced"
