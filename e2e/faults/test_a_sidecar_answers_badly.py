"""What answers in a sidecar's place slowly, with garbage or without end is said, and holds nobody up.

The pods are made by hand: their container has the sidecar's name, place and image, and runs another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import chat, model_pods, small_models
from e2e.faults.watched import MINUTES, Watched, settled
from e2e.kubectl import Kubectl
from e2e.waiting import condition

API_PORT = 14002
MEBIBYTES = 100

PROGRAM = """
import http.server, sys, time
how, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if how == "slow":
            time.sleep(600)
        self.send_response(200)
        self.send_header("content-length", str(size * 2**20 if how == "endless" else 9))
        self.end_headers()
        if how == "garbage":
            self.wfile.write(b"garbage\\0\\0")
        else:
            for _ in range(size):
                self.wfile.write(b"x" * 2**20)
    do_PUT = do_GET
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
"""


@pytest.fixture(params=["slow", "garbage", "endless"])
def impostor(request: pytest.FixtureRequest, proved: Kubectl, sidecar_image: str) -> Iterator[str]:
    """The name of a monitor and its pod, whose sidecar is another program."""
    how = str(request.param)
    name = f"impostor-{how}"  # one of the same name may still be on its way out
    try:
        proved.apply(small_models.monitor(name))
        proved.apply(_pod(name, sidecar_image, how))
        yield name
    finally:
        proved("delete", f"pod/{name}", f"llmmonitor/{name}", "--ignore-not-found", "--wait=false")


@pytest.mark.timeout(900)
def test_it_is_said_and_other_monitors_are_judged_as_before(
    model: Watched, proved: Kubectl, impostor: str, figure: Callable[[str], None]
) -> None:
    clients = model.ask(seconds=90)
    before = settled(model)

    found = condition(proved, impostor, 2 * MINUTES, Reporting="Unreachable")

    figure(found["Reporting"]["message"])
    assert found["Ready"]["status"] != "True"
    model.nothing_lost(clients)
    assert model.steady() == before
    assert all(small_models.ready(pod) for pod in chat.pods(proved, impostor))


def _pod(name: str, image: str, how: str) -> dict[str, Any]:
    program = {
        "name": "llm-monitor-sidecar",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "command": [model_pods.PYTHON, "-c", PROGRAM, how, str(API_PORT), str(MEBIBYTES)],
        "env": model_pods.settings("off", API_PORT=str(API_PORT)),
    }
    pod = model_pods.pod(name, small_models.server(image))
    pod["spec"]["initContainers"] = [program]
    return pod
