"""What a pod was without the sidecar it stays with it: probes, meshes, the node's network, restrictions."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

LISTEN = """
import signal, socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
signal.sigwait({signal.SIGTERM})
"""
OPEN_GATE = "import pathlib; pathlib.Path('/gate/open').touch(); print(1)"


def _ready(namespace: Kubectl) -> bool:
    conditions = namespace.get("pod/model")["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _says(namespace: Kubectl, reason: str) -> bool:
    return model_pods.health(namespace, "model").get("reason") == reason


def test_a_tcp_readiness_probe_fails_until_the_model_listens(namespace: Kubectl, sidecar_image: str) -> None:
    probe = {"tcpSocket": {"port": model_pods.PORT}, "periodSeconds": 1, "timeoutSeconds": 1}
    mounts = [{"name": "gate", "mountPath": "/gate"}]
    loading = model_pods.model(sidecar_image, "/gate/open", readinessProbe=probe, volumeMounts=mounts)
    namespace.apply(
        model_pods.pod(
            "model",
            loading,
            initContainers=[model_pods.native(sidecar_image)],
            volumes=[{"name": "gate", "emptyDir": {}}],
        )
    )
    until(lambda: _says(namespace, "ModelNotListening"), "the sidecar to miss the model")
    until(lambda: "connection refused" in namespace("get", "events"), "a refused probe")
    assert not _ready(namespace)

    model_pods.run(namespace, "model", OPEN_GATE)

    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=60s")
    until(lambda: model_pods.reads(namespace), "the sidecar to read")


def test_a_mesh_is_left_alone(namespace: Kubectl, sidecar_image: str) -> None:
    mesh = model_pods.container("proxy", sidecar_image, LISTEN, "15006")
    namespace.apply(
        model_pods.pod(
            "model",
            model_pods.model(sidecar_image),
            mesh,
            initContainers=[model_pods.native(sidecar_image)],
        )
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")

    until(lambda: _says(namespace, "MeshRedirects"), "the sidecar to see the mesh")
    assert model_pods.ask(namespace, "model", "/", model_pods.PORT) == "hello"


def test_the_nodes_network_is_refused(namespace: Kubectl, sidecar_image: str) -> None:
    port = 24002
    sidecar = model_pods.native(sidecar_image, API_PORT=str(port), RELAY_PORT="24001", TARGET_PORT="24000")
    server = model_pods.container("model", sidecar_image, model_pods.SERVER, "24000", "/")
    namespace.apply(model_pods.pod("model", server, initContainers=[sidecar], hostNetwork=True))
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")

    until(
        lambda: '"reason":"HostNetwork"' in model_pods.ask(namespace, "model", port=port),
        "the sidecar to say on whose network it is",
    )


@pytest.mark.parametrize("mode", ["listen", "off"])
def test_a_restricted_namespace_admits_what_needs_no_privilege(
    namespace: Kubectl, sidecar_image: str, mode: str
) -> None:
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    namespace("label", "namespace", str(namespace.namespace), restricted)
    values: dict[str, Any] = {"LISTEN_PORT": "8080"} if mode == "listen" else {}
    namespace.apply(
        model_pods.pod(
            "model",
            model_pods.model(sidecar_image, securityContext=model_pods.NOTHING),
            initContainers=[model_pods.native(sidecar_image, mode, **values)],
        )
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")

    until(lambda: model_pods.health(namespace, "model").get("modelListening"), "the model to listen")
    said = model_pods.health(namespace, "model")
    assert (said["status"], said["reading"]) == ("ok", mode == "listen")
    if mode == "listen":
        until(lambda: model_pods.ask(namespace, "model", "/", 8080) == "hello", "the model to answer")


def test_a_sidecar_with_wrong_settings_does_not_keep_the_model_from_starting(
    namespace: Kubectl, sidecar_image: str
) -> None:
    sidecar = model_pods.native(sidecar_image, MAX_ADDED_LATENCY="a while")
    namespace.apply(model_pods.pod("model", model_pods.model(sidecar_image), initContainers=[sidecar]))

    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")

    (status,) = namespace.get("pod/model")["status"]["initContainerStatuses"]
    assert (status["restartCount"], "running" in status["state"]) == (0, True)
    assert "LLM_MONITOR_MAX_ADDED_LATENCY is 'a while'" in namespace(
        "logs", "model", "--container=llm-monitor-sidecar"
    )
