"""Mode Port: the sidecar has the port's name, and a Service that uses it leads through the sidecar.

Only pods that are made anew can be changed so; `existingPods: Ignore` leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from e2e import chat, model_pods, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT, PYTHON
from e2e.waiting import condition, requests, until

MINUTES = 60.0
NAMED, NUMBERED = "named", "numbered"
SIDECAR = "llm-monitor-sidecar"
GATE = "/gate/open"
LOADS = f"import pathlib, time\nwhile not pathlib.Path({GATE!r}).exists(): time.sleep(0.1)\n"
LOADED = f"import pathlib; pathlib.Path({GATE!r}).touch(); print(1)"


@pytest.fixture(scope="module")
def pods(proved: Kubectl, product: Installed, sidecar_image: str) -> Iterator[Kubectl]:
    """Two models that load until told otherwise, one behind a Service by name and one by number."""
    proved.apply(_service(NAMED, "http"), _service(NUMBERED, PORT))
    interception = {"mode": "Port", "maxAddedLatency": "1s"}
    proved.apply(
        *(
            small_models.monitor(one, existingPods="Ignore", interception=interception)
            for one in (NAMED, NUMBERED)
        )
    )
    until(
        lambda: NUMBERED in product.verdict(str(proved.namespace)),
        "the operator to see the Service by number",
        1 * MINUTES,
    )
    proved.apply(_deployment(NAMED, sidecar_image), _deployment(NUMBERED, sidecar_image))
    asker = model_pods.pod("by-service", model_pods.container("asker", sidecar_image, model_pods.WAIT))
    proved.apply(asker)
    proved("wait", "--for=condition=Ready", "pod/by-service", "--timeout=90s")
    yield proved
    small_models.remove(proved, NAMED, NUMBERED)
    proved("delete", "pod/by-service", f"service/{NAMED}", f"service/{NUMBERED}", "--wait=false")


def _service(name: str, target: str | int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": PORT, "targetPort": target}]},
    }


def _deployment(name: str, image: str) -> dict[str, Any]:
    """A model that listens once the file at GATE is there."""
    server = small_models.server(
        image,
        command=[PYTHON, "-c", LOADS + small_models.SERVER, str(PORT), "0"],
        readinessProbe={"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        securityContext={"runAsUser": 0},
        volumeMounts=[{"name": "gate", "mountPath": "/gate"}],
    )
    return small_models.deployment(name, server, volumes=[{"name": "gate", "emptyDir": {}}])


def test_the_sidecar_gets_the_name_and_the_models_probe_the_number(pods: Kubectl) -> None:
    [pod] = until(lambda: chat.pods(pods, NAMED), "the pod", 1 * MINUTES)

    sidecar, [server] = pod["spec"]["initContainers"][0], pod["spec"]["containers"]
    assert sidecar["name"] == SIDECAR
    assert {one["name"] for one in sidecar["ports"]} == {"http", "llm-monitor"}
    assert [one.get("name") for one in server["ports"]] == [None]
    assert server["readinessProbe"]["httpGet"]["port"] == PORT


def test_the_pod_is_ready_when_the_sidecar_can_lead_on(pods: Kubectl) -> None:
    [pod] = until(lambda: chat.pods(pods, NAMED), "the pod", 1 * MINUTES)
    name = pod["metadata"]["name"]
    until(lambda: _runs(pods, name), "the sidecar to run beside a model that loads", 2 * MINUTES)
    until(lambda: "Readiness probe failed" in _events(pods, name), "a probe of the sidecar", 1 * MINUTES)
    before = pods.get(f"pod/{name}")
    assert not small_models.ready(before)
    assert not _sidecar(before)["ready"]

    for one in (NAMED, NUMBERED):
        [loading] = chat.pods(pods, one)
        model_pods.run(pods, loading["metadata"]["name"], LOADED)
        pods("rollout", "status", f"deployment/{one}", "--timeout=120s")

    [after] = chat.pods(pods, NAMED)
    assert _sidecar(after)["ready"]
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]


def test_what_comes_through_the_service_is_read_and_answered(pods: Kubectl) -> None:
    condition(pods, NAMED, 2 * MINUTES, Ready="True", Injected="True", Reporting="True")

    seen = _ask(pods, NAMED)
    until(lambda: requests(pods, NAMED) >= seen["answered"], "the requests to be counted", 1 * MINUTES)
    condition(pods, NAMED, 1 * MINUTES, Intercepting="TrafficRead")

    assert seen["failed"] == 0
    assert seen["answered"] > 0
    assert requests(pods, NAMED) == seen["answered"]


def test_a_service_by_number_is_said_and_its_traffic_passes(pods: Kubectl) -> None:
    found = condition(
        pods,
        NUMBERED,
        2 * MINUTES,
        Ready="True",
        Injected="True",
        Reporting="True",
        Intercepting="ServiceUsesPortNumber",
    )

    seen = _ask(pods, NUMBERED)

    message = found["Intercepting"]["message"]
    assert f"Service {NUMBERED} names port {PORT}; set its targetPort to http" in message
    assert seen["failed"] == 0
    assert seen["answered"] > 0
    [pod] = chat.pods(pods, NUMBERED)
    assert small_models.injected(pod)
    assert [one["name"] for one in pod["spec"]["containers"][0]["ports"]] == ["http"]


def _sidecar(pod: dict[str, Any]) -> dict[str, Any]:
    found = pod["status"].get("initContainerStatuses") or ()
    return next((one for one in found if one["name"] == SIDECAR), {})


def _runs(namespace: Kubectl, pod: str) -> bool:
    found = namespace.get(f"pod/{pod}")
    servers = found["status"].get("containerStatuses") or [{"state": {}}]
    return "running" in servers[0]["state"]


def _events(namespace: Kubectl, pod: str) -> str:
    of_it = f"involvedObject.name={pod},involvedObject.fieldPath=spec.initContainers{{{SIDECAR}}}"
    return namespace("get", "events", f"--field-selector={of_it}")


def _ask(namespace: Kubectl, service: str) -> dict[str, int]:
    address = namespace.get(f"service/{service}")["spec"]["clusterIP"]
    seen: dict[str, int] = model_pods.run(
        namespace, "by-service", small_models.CLIENT, address, str(PORT), "5", "0.2"
    )
    return seen
