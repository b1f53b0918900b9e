"""Connections from before an attach go on and are counted; with `DrainIdle` they come back read once idle."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e import chat, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT, PYTHON, ask
from e2e.waiting import condition, conditions, until

NAME = "kept"
MINUTES = 60.0
SECONDS = 200.0
AT_REST = """\
    def do_GET(self):
        if self.path != "/metrics":
            return self.answer()
        text = b"vllm:num_requests_running 0\\nvllm:num_requests_waiting 0\\n"
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def answer(self):
"""
"""Says of itself, as vLLM does, that it works on nothing: its answers take a millisecond."""
SERVER = small_models.SERVER.replace("    def do_GET(self):\n", AT_REST)


@pytest.mark.timeout(900)
def test_they_go_on_and_the_share_that_is_read_is_said(
    product: Installed,  # noqa: ARG001 - it must be installed
    namespace: Kubectl,
    sidecar_image: str,
) -> None:
    namespace.apply(small_models.deployment(NAME, small_models.server(sidecar_image)))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    [pod] = chat.pods(namespace, NAME)
    address = pod["status"]["podIP"]
    early = small_models.client("early", sidecar_image, address, seconds=SECONDS, pause=0.2, keeping=True)
    namespace.apply(early)
    _asks(namespace, "early")

    namespace.apply(small_models.monitor(NAME))
    condition(namespace, NAME, 2 * MINUTES, Injected="True", Reporting="True")
    until(lambda: _reads(namespace, pod), "new connections to be read", 1 * MINUTES)
    late = [f"late-{number}" for number in range(3)]
    namespace.apply(
        *(
            small_models.client(name, sidecar_image, address, seconds=60.0, pause=0.2, keeping=True)
            for name in late
        )
    )
    words = "3 of 4 connections are read (75 %)"
    until(lambda: words in _intercepting(namespace), f"the condition to say: {words}", 2 * MINUTES)
    window = until(lambda: _window(namespace, coverage=0.75), "the same in the figures", 2 * MINUTES)
    seen = [small_models.seen(namespace, name, 5 * MINUTES) for name in ("early", *late)]

    assert window["requests"] > 0
    assert [one["failed"] for one in seen] == [0] * 4
    assert [one["connections"] for one in seen] == [1] * 4
    assert _restarts(namespace) == 0


@pytest.mark.timeout(900)
def test_drained_when_idle_they_come_back_and_are_read(
    product: Installed,  # noqa: ARG001 - it must be installed
    namespace: Kubectl,
    sidecar_image: str,
) -> None:
    command = [PYTHON, "-c", SERVER, str(PORT), "0"]
    server = small_models.server(sidecar_image, command=command)
    namespace.apply(small_models.deployment(NAME, server))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    [pod] = chat.pods(namespace, NAME)
    address = pod["status"]["podIP"]
    namespace.apply(
        small_models.client("idle", sidecar_image, address, seconds=SECONDS, pause=150.0, keeping=True),
        small_models.client("busy", sidecar_image, address, seconds=SECONDS, pause=2.0, keeping=True),
    )
    for name in ("idle", "busy"):
        _asks(namespace, name)

    interception = {"existingConnections": "DrainIdle", "maxAddedLatency": small_models.PATIENT}
    namespace.apply(small_models.monitor(NAME, interception=interception))
    condition(namespace, NAME, 2 * MINUTES, Injected="True", Reporting="True")
    until(lambda: _drained(namespace, pod) == 1, "the idle connection to be closed", 3 * MINUTES)
    seen = {name: small_models.seen(namespace, name, 6 * MINUTES) for name in ("idle", "busy")}
    status = until(lambda: _window(namespace, requests=1), "its next request to be read", 2 * MINUTES)

    # What an HTTP client sees: the connection it kept was closed while idle, and it makes another one.
    assert seen["idle"] == {"answered": 2, "failed": 0, "connections": 2, "closed_while_idle": 1}
    assert (seen["busy"]["failed"], seen["busy"]["connections"]) == (0, 1)
    assert status["requests"] == 1  # the busy one was never idle: it stays as it was, unread
    assert _drained(namespace, pod) == 1
    assert "cannot be closed" not in _intercepting(namespace)


def _asks(namespace: Kubectl, client: str) -> None:
    """It has had its first answer, so that its connection is there."""

    def answered() -> bool:
        if namespace.get(f"pod/{client}")["status"].get("phase") != "Running":
            return False
        lines = namespace("logs", client).splitlines()
        return bool(lines) and json.loads(lines[-1])["answered"] > 0

    until(answered, f"pod {client} to have an answer", 1 * MINUTES)


def _metrics(namespace: Kubectl, pod: dict[str, Any]) -> str:
    return ask(namespace, pod["metadata"]["name"], "/metrics")


def _reads(namespace: Kubectl, pod: dict[str, Any]) -> bool:
    return "llm_monitor_interception_reading 1" in _metrics(namespace, pod)


def _drained(namespace: Kubectl, pod: dict[str, Any]) -> int:
    name = "llm_monitor_drained_connections_total "
    lines = _metrics(namespace, pod).splitlines()
    return next((int(float(line.removeprefix(name))) for line in lines if line.startswith(name)), 0)


def _intercepting(namespace: Kubectl) -> str:
    return str(conditions(namespace, NAME).get("Intercepting", {}).get("message", ""))


def _window(namespace: Kubectl, **wanted: float) -> dict[str, Any] | None:
    window: dict[str, Any] = namespace.get(f"llmmonitor/{NAME}")["status"].get("window") or {}
    return window if all(window.get(key) == value for key, value in wanted.items()) else None


def _restarts(namespace: Kubectl) -> int:
    [pod] = chat.pods(namespace, NAME)
    return int(pod["status"]["containerStatuses"][0]["restartCount"])
