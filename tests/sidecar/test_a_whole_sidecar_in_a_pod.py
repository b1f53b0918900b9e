"""The program as a pod starts it, by its environment: it stays, answers, and remembers what it was told."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration, sign_request

KEY = generate_private_key()
POD = "5f2c"


class Whole:
    """A sidecar's process in mode `off`, and what it answers."""

    def __init__(self, log: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        environment = {
            "MODE": "off",
            "TARGET_PORT": "1",
            "API_PORT": str(self.port),
            "PUBLIC_KEY": base64.b64encode(public_key_bytes(KEY)).decode(),
            "POD_UID": POD,
            "STOP_GRACE": "0s",
        } | settings
        prefixed = {f"LLM_MONITOR_{name}": value for name, value in environment.items() if value}
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "llmmonitor_sidecar.main"],
                env={"PATH": os.environ["PATH"], "KUBERNETES_SERVICE_HOST": "10.96.0.1", **prefixed},
                stderr=file,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, path: str, document: str | None = None) -> tuple[int, dict[str, Any]]:
        method = "PUT" if document else "GET"
        headers = {"Authorization": sign_request(method, path, KEY, POD, time.time())}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request(method, path, document, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def put(self, configuration: Configuration) -> int:
        return self.ask("/v1/config", sign_configuration(configuration, KEY, POD, time.time()))[0]

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.ask("/healthz"))
        return False

    def interception(self) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            report: dict[str, Any] = self.ask("/v1/report")[1]
            return {**report["interception"], **report["identity"]}
        return {}

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    started: list[Whole] = []

    def start_one(**settings: str) -> Whole:
        started.append(Whole(tmp_path / "log", **settings))
        return started[-1]

    yield start_one
    for one in started:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(30) == 0, one.log


def until(what: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_stop_outlives_the_analyser_that_took_it_and_ends_with_the_next_document(
    start: Callable[..., Whole],
) -> None:
    sidecar = start()
    until(sidecar.answers)
    assert sidecar.put(Configuration(generation=7, stop=True)) == 200
    life = sidecar.interception()
    assert life["message"] == "stopped by its operator: the monitor is gone"
    older = sign_configuration(Configuration(generation=6), KEY, POD, time.time())

    os.kill(sidecar.children()[0], signal.SIGKILL)
    until(lambda: sidecar.interception().get("boot_id", life["boot_id"]) != life["boot_id"])

    assert sidecar.interception()["message"] == life["message"]
    assert sidecar.interception()["configuration_generation"] == 7
    assert sidecar.ask("/v1/config", older)[1]["error"]["reason"] == "old_generation"
    assert sidecar.put(Configuration(generation=8)) == 200
    assert sidecar.interception()["message"] == ""


def test_a_port_that_a_predecessor_still_has_is_waited_for(start: Callable[..., Whole]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as predecessor:
        sidecar = start(API_PORT=str(predecessor.getsockname()[1]), API_HOST="127.0.0.1")
        sidecar.port = predecessor.getsockname()[1]
        until(lambda: "trying on" in sidecar.log)
        analyser = sidecar.children()

    until(sidecar.answers)
    assert sidecar.children() == analyser


def test_it_ends_as_soon_as_its_last_report_was_fetched(start: Callable[..., Whole]) -> None:
    sidecar = start(STOP_GRACE="600s")
    until(sidecar.answers)
    assert sidecar.interception()

    sidecar.process.send_signal(signal.SIGTERM)
    until(lambda: not sidecar.interception())

    assert sidecar.process.wait(30) == 0
    assert "the last report was fetched" in sidecar.log


def test_wrong_settings_are_told_to_whoever_asks(start: Callable[..., Whole]) -> None:
    sidecar = start(MODE="magic", TARGET_PORT="")
    until(sidecar.answers)

    status, body = sidecar.ask("/v1/report")

    assert status == 503
    assert body["error"]["reason"] == "sidecar_idle"
    assert "LLM_MONITOR_MODE is 'magic'" in body["error"]["message"]
    assert "LLM_MONITOR_TARGET_PORT is not set" in body["error"]["message"]
