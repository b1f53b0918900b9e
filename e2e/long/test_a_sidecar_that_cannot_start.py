"""Whatever is wrong with the sidecar, the model's pods come up, and the status says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from e2e import breaking, chat, small_models
from e2e.cluster.images import TOOLS_IMAGE
from e2e.cluster.layout import Node
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, conditions, events, until

HINDERED, ROOTLESS, UPGRADED = "hindered", "rootless", "upgraded"
CLIENT = "asking-all-the-while"
MINUTES = 60.0
SECOND = Node(2)
SUSPENDED = '"suspended":'
NO_SUCH_IMAGE = "localhost/no-such-sidecar"
NO_SUCH_DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def namespace(product: Installed, proved: Kubectl) -> Iterator[Kubectl]:
    """Where the sidecar was seen running, and is injected again after the test."""
    yield proved
    small_models.remove(proved, HINDERED, ROOTLESS, UPGRADED)
    proved("delete", f"pod/{CLIENT}", "--ignore-not-found", "--wait=false")
    if SUSPENDED in product.verdict(proved.namespace):
        # other labels are other rules, under which an old suspension does not count
        proved("label", f"namespace/{proved.namespace}", f"tests={time.time_ns()}", "--overwrite")
        until(lambda: SUSPENDED not in product.verdict(proved.namespace), "injection to resume", 2 * MINUTES)


@pytest.mark.parametrize(
    ("broken", "reason", "said_why"),
    [
        (breaking.without_image, "SidecarNotStarted", "ImagePull"),
        (breaking.with_image_spoilt, "SidecarBlocksPod", "exit code 0"),
    ],
)
def test_an_injected_sidecar_holds_a_model_up_for_a_minute_and_no_more(  # noqa: PLR0913, PLR0917 - half are the case
    namespace: Kubectl,
    sidecar_image: str,
    figure: Callable[[str], None],
    broken: Callable[[str, Node], AbstractContextManager[None]],
    reason: str,
    said_why: str,
) -> None:
    server = {
        "name": small_models.CONTAINER,
        "image": TOOLS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/httpd", "-f", "-p", "8000"],
        "resources": small_models.SMALL,
    }
    on_second = {"nodeSelector": {"kubernetes.io/hostname": SECOND.name}}

    with broken(sidecar_image, SECOND):
        began = time.monotonic()
        small_models.monitored(namespace, HINDERED, server, **on_second)
        [first] = until(lambda: chat.pods(namespace, HINDERED), "the first pod", 1 * MINUTES)
        assert small_models.injected(first)
        [successor] = until(lambda: _another(namespace, first), "its successor", 5 * MINUTES)
        namespace("rollout", "status", f"deployment/{HINDERED}", "--timeout=180s")
        figure(f"the model was ready {time.monotonic() - began:.0f} s after it was applied")
        found = condition(namespace, HINDERED, 3 * MINUTES, Injected=reason)

        said = events(namespace, HINDERED)
        assert not small_models.injected(successor)
        assert [pod["metadata"]["name"] for pod in chat.pods(namespace, HINDERED)] == [
            successor["metadata"]["name"]
        ]
        assert [one for one in said if "SidecarBlocksPod" in one]
        assert said_why in found["Injected"]["message"]
        assert all(small_models.ready(pod) for pod in chat.pods(namespace, HINDERED))


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


def test_an_upgrade_to_an_image_that_does_not_exist_stops_no_model(
    product: Installed, namespace: Kubectl, sidecar_image: str
) -> None:
    small_models.monitored(namespace, UPGRADED, small_models.server(sidecar_image))
    condition(namespace, UPGRADED, 3 * MINUTES, Ready="True", Injected="True")
    [old] = chat.pods(namespace, UPGRADED)
    host = old["status"]["podIP"]
    namespace.apply(small_models.client(CLIENT, sidecar_image, host, seconds=90))

    product.upgrade(sidecar={"image": {"repository": NO_SUCH_IMAGE, "digest": NO_SUCH_DIGEST}})
    try:
        # until then new pods get the sidecar of before, which does start
        until(lambda: NO_SUCH_IMAGE in product.verdict("_common"), "the new operator to lead", 2 * MINUTES)
        namespace("scale", f"deployment/{UPGRADED}", "--replicas=2")
        namespace("rollout", "status", f"deployment/{UPGRADED}", "--timeout=180s")
        message = until(
            lambda: _said_of_injection(namespace, "SidecarNotStarted"), "the new one's state", 180
        )
    finally:
        product.upgrade()

    [first, new] = chat.pods(namespace, UPGRADED)
    assert first["metadata"]["uid"] == old["metadata"]["uid"]
    assert not small_models.injected(new)
    assert new["metadata"]["name"] in message
    assert "ImagePull" in message
    assert f"{first['metadata']['name']}: Outdated" in message
    condition(namespace, UPGRADED, 3 * MINUTES, Reporting="True")
    seen = small_models.seen(namespace, CLIENT)
    assert seen["failed"] == 0
    assert seen["answered"] > 0


def _said_of_injection(namespace: Kubectl, word: str) -> str:
    """The whole message, once the word is in it: of several pods the first one's reason stands for all."""
    message = str(conditions(namespace, UPGRADED).get("Injected", {}).get("message", ""))
    return message if word in message else ""


def _another(namespace: Kubectl, first: dict[str, Any]) -> list[dict[str, Any]]:
    found = chat.pods(namespace, HINDERED)
    return [pod for pod in found if pod["metadata"]["uid"] != first["metadata"]["uid"]]
