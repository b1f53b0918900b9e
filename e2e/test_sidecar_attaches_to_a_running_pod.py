"""An ephemeral container joins a pod that serves: connections go on, new ones are read, the model is seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

ATTACHED_SECONDS = 120
"""It has no CPU request: on a busy node it starts slowly."""
READS = "the attached sidecar to read"
CARRIED = "llm_monitor_relay_connections_total "
SLOW = pytest.mark.timeout(400)

KEPT_ALIVE = """
import http.client, json, sys, time
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
connection.connect()
own, answers, ends = connection.sock.getsockname(), 0, time.time() + float(sys.argv[3])
while time.time() < ends:
    connection.request("GET", "/")
    answers += connection.getresponse().read() == b"hello"
    time.sleep(0.02)
print(json.dumps({"answers": answers, "same": connection.sock.getsockname() == own}))
"""
ASK_ONCE = """
import json, sys, urllib.request
print(json.dumps(urllib.request.urlopen(f"http://{sys.argv[1]}:{sys.argv[2]}/").read().decode()))
"""


@SLOW
def test_open_connections_go_on_and_new_ones_are_read(namespace: Kubectl, sidecar_image: str) -> None:
    namespace.apply(
        model_pods.pod("model", model_pods.model(sidecar_image, resources={"limits": {"memory": "512Mi"}})),
        model_pods.client(sidecar_image),
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "pod/client", "--timeout=90s")
    target = namespace.get("pod/model")["status"]["podIP"], str(model_pods.PORT)

    with ThreadPoolExecutor() as beside:
        kept_alive = beside.submit(model_pods.run, namespace, "client", KEPT_ALIVE, *target, "25")
        model_pods.attach(namespace, "model", sidecar_image)
        until(lambda: model_pods.reads(namespace), READS, ATTACHED_SECONDS)
        until(lambda: _read_once_asked(namespace, *target), "a new connection to be read")
        seen = kept_alive.result()

    assert seen["same"]
    assert seen["answers"] > 50
    until(lambda: "llm_monitor_model_processes 1" in _metrics(namespace), "the model's process to be seen")
    (status,) = namespace.get("pod/model")["status"]["containerStatuses"]
    assert status["restartCount"] == 0


@SLOW
def test_a_second_one_waits_for_the_first(namespace: Kubectl, sidecar_image: str) -> None:
    namespace.apply(model_pods.pod("model", model_pods.model(sidecar_image)))
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")
    model_pods.attach(namespace, "model", sidecar_image, 1)
    until(lambda: model_pods.reads(namespace), READS, ATTACHED_SECONDS)

    model_pods.attach(namespace, "model", sidecar_image, 2)

    until(lambda: _waits(namespace, "llm-monitor-2"), "the second sidecar to say that it waits")
    assert model_pods.health(namespace, "model")["reading"]


@SLOW
def test_it_ends_with_the_models_container_and_a_successor_reads_on(
    namespace: Kubectl, sidecar_image: str
) -> None:
    namespace.apply(model_pods.pod("model", model_pods.model(sidecar_image)))
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")
    model_pods.attach(namespace, "model", sidecar_image, 1)
    until(lambda: model_pods.reads(namespace), READS, ATTACHED_SECONDS)

    model_pods.ask(namespace, "model", "/end", model_pods.PORT)

    until(lambda: not _runs(namespace, "llm-monitor-1"), "the first sidecar to end")
    until(lambda: model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello", "the model's restart")
    model_pods.attach(namespace, "model", sidecar_image, 2)
    until(lambda: model_pods.reads(namespace), READS, ATTACHED_SECONDS)
    assert model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello"


def _metrics(namespace: Kubectl) -> str:
    return model_pods.ask(namespace, "model", "/metrics")


def _waits(namespace: Kubectl, name: str) -> bool:
    said = namespace("logs", "model", f"--container={name}") if _runs(namespace, name) else ""
    return "another sidecar is at work" in said


def _runs(namespace: Kubectl, name: str) -> bool:
    statuses = namespace.get("pod/model")["status"].get("ephemeralContainerStatuses", [])
    return any(status["name"] == name and "running" in status["state"] for status in statuses)


def _read_once_asked(namespace: Kubectl, host: str, port: str) -> bool:
    """Asks over a new connection, which must be answered; it goes direct while the sidecar has no time."""
    assert model_pods.run(namespace, "client", ASK_ONCE, host, port) == "hello"
    shown = [line for line in _metrics(namespace).splitlines() if line.startswith(CARRIED)]
    return bool(shown) and float(shown[0].removeprefix(CARRIED)) > 0
