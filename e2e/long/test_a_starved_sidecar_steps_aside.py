"""An attached sidecar beside a model that takes every CPU steps aside, says so, and comes back by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2e import chat, model_pods, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

NAME = "starving"
MINUTES = 60.0
HOG_PORT = 9001
HOG_SECONDS = 75.0
LIMIT = "50ms"
"""The default of 5 ms is more than this machine has for anybody at any time."""
HOG = """
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        until = time.monotonic() + float(sys.argv[2])
        for _ in range(4):
            if os.fork() == 0:
                while time.monotonic() < until: pass
                os._exit(0)
    def log_message(self, *_): pass
http.server.HTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.timeout(900)
def test_new_connections_go_straight_to_the_model_and_none_fails(
    product: Installed,  # noqa: ARG001 - it must be installed
    namespace: Kubectl,
    sidecar_image: str,
    figure: Callable[[str], None],
) -> None:
    namespace.apply(_model(sidecar_image))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    [pod] = chat.pods(namespace, NAME)
    namespace.apply(small_models.monitor(NAME, interception={"maxAddedLatency": LIMIT}))
    condition(namespace, NAME, 3 * MINUTES, Injected="True", Reporting="True")
    until(lambda: _said(namespace, pod).get("reading"), "the sidecar to read", 3 * MINUTES)
    address = pod["status"]["podIP"]
    namespace.apply(
        small_models.client("asking", sidecar_image, address, seconds=HOG_SECONDS + 15, pause=0.1)
    )

    model_pods.ask(namespace, pod["metadata"]["name"], "/", HOG_PORT)
    until(lambda: _said(namespace, pod).get("reason") == "StarvedOfCPU", "it to step aside", HOG_SECONDS)
    found = condition(namespace, NAME, HOG_SECONDS, Intercepting="StarvedOfCPU")
    seen = small_models.seen(namespace, "asking", 3 * MINUTES)

    assert found["Intercepting"]["status"] == "False"
    assert seen["failed"] == 0
    assert seen["answered"] > 20
    until(lambda: _said(namespace, pod).get("reading"), "the sidecar to read again", 6 * MINUTES)
    [pod] = chat.pods(namespace, NAME)
    assert [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0, 0]
    figure(f"{seen['answered']} requests beside four busy processes, 0 failed")
    small_models.remove(namespace, NAME)


def _model(image: str) -> dict[str, Any]:
    hog = model_pods.container("hog", image, HOG, str(HOG_PORT), str(HOG_SECONDS))
    hog["resources"] = {"requests": {"cpu": "1"}}  # 500 times the weight of a container that asks for nothing
    deployment = small_models.deployment(NAME, {})
    deployment["spec"]["template"]["spec"]["containers"] = [small_models.server(image), hog]
    return deployment


def _said(namespace: Kubectl, pod: dict[str, Any]) -> dict[str, Any]:
    return model_pods.health(namespace, pod["metadata"]["name"])
