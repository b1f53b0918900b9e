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

NAME = "impostor"
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
def impostor(request: pytest.FixtureRequest, proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored pod whose sidecar is another program."""
    try:
        proved.apply(small_models.monitor(NAME))
        proved.apply(_pod(sidecar_image, str(request.param)))
        yield proved
    finally:
        proved("delete", f"pod/{NAME}", f"llmmonitor/{NAME}", "--ignore-not-found", "--wait=false")


@pytest.mark.timeout(900)
def test_it_is_said_and_other_monitors_are_judged_as_before(
    model: Watched, impostor: Kubectl, figure: Callable[[str], None]
) -> None:
    clients = model.ask(seconds=90)
    before = settled(model)

    found = condition(impostor, NAME, 2 * MINUTES, Reporting="Unreachable")

    figure(found["Reporting"]["message"])
    assert found["Ready"]["status"] != "True"
    model.nothing_lost(clients)
    assert model.steady() == before
    assert all(small_models.ready(pod) for pod in chat.pods(impostor, NAME))


def _pod(image: str, how: str) -> dict[str, Any]:
    impostor = {
        "name": "llm-monitor-sidecar",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "command": [model_pods.PYTHON, "-c", PROGRAM, how, str(API_PORT), str(MEBIBYTES)],
        "env": model_pods.settings("off", API_PORT=str(API_PORT)),
    }
    pod = model_pods.pod(NAME, small_models.server(image))
    pod["spec"]["initContainers"] = [impostor]
    return pod
