"""Whatever is wrong with the sidecar, the model's pods come up, and the status says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import breaking, chat, small_models
from e2e.cluster.images import TOOLS_IMAGE
from e2e.cluster.layout import Node
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, until

IMAGELESS, ROOTLESS = "imageless", "rootless"
MINUTES = 60.0
SECOND = Node(2)
SUSPENDED = '"suspended":'


@pytest.fixture
def namespace(product: Installed, proved: Kubectl) -> Iterator[Kubectl]:
    """Where the sidecar was seen running, and is injected again after the test."""
    yield proved
    small_models.remove(proved, IMAGELESS, ROOTLESS)
    if SUSPENDED in product.verdict(proved.namespace):
        # other labels are other rules, under which an old suspension does not count
        proved("label", f"namespace/{proved.namespace}", f"tests={time.time_ns()}", "--overwrite")
        until(lambda: SUSPENDED not in product.verdict(proved.namespace), "injection to resume", 2 * MINUTES)


def test_a_sidecar_without_its_image_holds_a_model_up_for_a_minute_and_no_more(
    namespace: Kubectl, sidecar_image: str, figure: Callable[[str], None]
) -> None:
    server = {
        "name": small_models.CONTAINER,
        "image": TOOLS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/httpd", "-f", "-p", "8000"],
        "resources": small_models.SMALL,
    }
    on_second = {"nodeSelector": {"kubernetes.io/hostname": SECOND.name}}

    with breaking.without_image(sidecar_image, SECOND):
        began = time.monotonic()
        small_models.monitored(namespace, IMAGELESS, server, **on_second)
        [first] = until(lambda: chat.pods(namespace, IMAGELESS), "the first pod", 1 * MINUTES)
        assert small_models.injected(first)
        [successor] = until(lambda: _another(namespace, first), "its successor", 5 * MINUTES)
        namespace("rollout", "status", f"deployment/{IMAGELESS}", "--timeout=180s")
        figure(f"the model was ready {time.monotonic() - began:.0f} s after it was applied")
        found = condition(namespace, IMAGELESS, 3 * MINUTES, Injected="SidecarNotStarted")

        said = events(namespace, IMAGELESS)
        assert not small_models.injected(successor)
        assert [pod["metadata"]["name"] for pod in chat.pods(namespace, IMAGELESS)] == [
            successor["metadata"]["name"]
        ]
        assert [one for one in said if "SidecarBlocksPod" in one]
        assert "ImagePull" in found["Injected"]["message"]
        assert all(small_models.ready(pod) for pod in chat.pods(namespace, IMAGELESS))


def test_a_pod_that_must_not_run_as_root_starts_with_the_sidecar(
    namespace: Kubectl, sidecar_image: str
) -> None:
    nobody = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000}
    small_models.monitored(namespace, ROOTLESS, small_models.server(sidecar_image), securityContext=nobody)
    namespace("rollout", "status", f"deployment/{ROOTLESS}", "--timeout=180s")

    condition(namespace, ROOTLESS, 2 * MINUTES, Ready="True", Injected="True", Reporting="True")
    [pod] = chat.pods(namespace, ROOTLESS)
    assert small_models.injected(pod)
    assert pod["spec"]["securityContext"]["runAsNonRoot"]


def _another(namespace: Kubectl, first: dict[str, Any]) -> list[dict[str, Any]]:
    found = chat.pods(namespace, IMAGELESS)
    return [pod for pod in found if pod["metadata"]["uid"] != first["metadata"]["uid"]]
