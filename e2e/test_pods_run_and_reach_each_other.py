"""The cluster is a real one: containers run, a Service leads to them, logs, exec and debug work."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.cluster.images import TOOLS_IMAGE
from e2e.kubectl import Kubectl


def pod(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": TOOLS_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


SERVER = "echo hello from $(cat /etc/hostname) > /index.html; exec httpd -f -p 8000"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
}


def test_a_pod_asks_another_through_its_service(namespace: Kubectl) -> None:
    namespace.apply(pod("web", SERVER), SERVICE)
    namespace("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    address = namespace.get("service/web")["spec"]["clusterIP"]

    ask = f"until wget -q -O - http://{address}/; do sleep 0.2; done"
    namespace.apply(pod("client", ask, restartPolicy="Never"))
    namespace("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=60s")

    assert namespace("logs", "client").endswith("hello from web\n")
    assert namespace("exec", "web", "--", "cat", "/etc/hostname") == "web\n"


def test_a_pod_reaches_itself_through_its_service(namespace: Kubectl) -> None:
    namespace.apply(pod("web", SERVER), SERVICE)
    namespace("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    address = namespace.get("service/web")["spec"]["clusterIP"]

    ask = f"until wget -q -O - http://{address}/; do sleep 0.2; done"

    assert namespace("exec", "web", "--", "sh", "-c", ask).endswith("hello from web\n")


@pytest.mark.parametrize(("server", "client"), [(0, 1), (1, 0)])
def test_a_pod_asks_another_on_another_node(namespace: Kubectl, server: int, client: int) -> None:
    nodes = [node["metadata"]["name"] for node in namespace.get("nodes")["items"]]
    if len(nodes) < 2:
        pytest.skip("the cluster has one node")
    namespace.apply(pod("web", SERVER, nodeName=nodes[server]), SERVICE)
    namespace("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    address = namespace.get("service/web")["spec"]["clusterIP"]

    ask = f"until wget -q -O - http://{address}/; do sleep 0.2; done"
    namespace.apply(pod("client", ask, nodeName=nodes[client], restartPolicy="Never"))
    namespace("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=60s")

    assert namespace("logs", "client").endswith("hello from web\n")


def test_an_ephemeral_container_joins_a_running_pod(namespace: Kubectl) -> None:
    namespace.apply(pod("web", SERVER))
    namespace("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")

    debug = ("debug", "web", f"--image={TOOLS_IMAGE}", "--image-pull-policy=Never", "--container=guest")
    namespace(*debug, "--target=main", "--", "sh", "-c", "wget -q -O - http://127.0.0.1:8000/")
    ended = "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0"
    namespace("wait", ended, "pod/web", "--timeout=60s")

    assert namespace("logs", "web", "--container=guest") == "hello from web\n"


def test_a_native_sidecar_starts_before_the_container_and_runs_beside_it(namespace: Kubectl) -> None:
    sidecar = {
        "name": "sidecar",
        "image": TOOLS_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", SERVER],
        "restartPolicy": "Always",
    }
    ask = "until wget -q -O - http://127.0.0.1:8000/; do sleep 0.2; done"

    namespace.apply(pod("job", ask, initContainers=[sidecar], restartPolicy="Never"))
    namespace("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/job", "--timeout=60s")

    assert namespace("logs", "job", "--container=main").endswith("hello from job\n")
