"""A whole sidecar: the program as a pod starts it, by its environment, in mode `off`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration, sign_request
from llmmonitor_cli.reserved_port import ReservedPort

KEY = generate_private_key()
POD = "5f2c"
_HANGS_SECONDS = 30.0
"""An answer took more than 5 s once, beside all other tests; why is not known."""


class Whole:
    """A sidecar's process in mode `off`, and what it answers."""

    def __init__(self, log: Path, *, around: Mapping[str, str] | None = None, **settings: str) -> None:
        """`around` is its environment beside its settings."""
        self._reserved = ReservedPort()
        self.port = self._reserved.number
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
                env={
                    "PATH": os.environ["PATH"],
                    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
                    **(around or {}),
                    **prefixed,
                },
                stderr=file,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(
        self, path: str, document: str | None = None, key: Ed25519PrivateKey = KEY
    ) -> tuple[int, dict[str, Any]]:
        """GET, or PUT of `document`; signed with `key`."""
        method = "PUT" if document else "GET"
        headers = {"Authorization": sign_request(method, path, key, POD, time.time())}
        return self.send(method, path, document, headers)

    def send(
        self, method: str, path: str, document: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """As it is, signed or not."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_HANGS_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, document, dict(headers or {}))
            answer = connection.getresponse()
            body = answer.read()
            is_json = answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(body) if is_json else {"text": body.decode()}

    def put(self, configuration: Configuration, key: Ed25519PrivateKey = KEY) -> int:
        return self.ask("/v1/config", sign_configuration(configuration, key, POD, time.time()))[0]

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.ask("/healthz"))
        return False

    def report(self, key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
        """Empty while it does not answer."""
        with contextlib.suppress(OSError):
            status, answer = self.ask("/v1/report", key=key)
            assert status == 200, answer
            return answer
        return {}

    def interception(self) -> dict[str, Any]:
        report = self.report()
        return {**report["interception"], **report["identity"]} if report else {}

    def end(self) -> None:
        """As a kubelet ends it."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log
        self._reserved.free()

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(what: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
