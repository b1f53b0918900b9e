"""Two whole sidecars in one pod: a signed push, the last report, and then the other one answers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sidecar.supervisor.conftest import Program, exchange, inside, wait_until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration, sign_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sidecar.supervisor.conftest import Pod

pytestmark = pytest.mark.root

KEY = generate_private_key()
UID = "5f2c"
API_PORT = 14002
PROGRAM = """
import sys
from llmmonitor_sidecar import main
import encodings.ascii, encodings.idna, encodings.latin_1  # while root may still read them
import llmmonitor_sidecar.analyser.process
sys.exit(main.main())
"""


class Whole(Program):
    """The program, in the pod's network."""

    def __init__(self, pod: Pod, folder: Path, container: str) -> None:
        self.path = folder / container
        settings = {
            "MODE": "transparent",
            "TARGET_PORT": "8000",
            "MAX_ADDED_LATENCY": "2s",
            "STOP_GRACE": "0s",
            "POD_UID": UID,
            "POD_IP": "10.77.0.1",
            "HOST_IP": "10.0.0.1",
            "CONTAINER": container,
            "PUBLIC_KEY": base64.b64encode(public_key_bytes(KEY)).decode(),
        }
        environment = {f"LLM_MONITOR_{name}": value for name, value in settings.items()}
        command = [*pod.prefix, sys.executable, "-c", PROGRAM]
        super().__init__(
            command,
            {**os.environ, **environment, "KUBERNETES_SERVICE_HOST": "10.96.0.1"},
            self.path,
        )

    @property
    def log(self) -> str:
        return self.path.read_text()


class Asker:
    """Asks whoever answers in the pod, as the operator does."""

    def __init__(self, pod: Pod) -> None:
        self._namespace = pod.outside

    def _ask(self, method: str, path: str, body: str = "", **headers: str) -> Any:
        with inside(self._namespace):
            connection = http.client.HTTPConnection("10.77.0.1", API_PORT, timeout=5)
            connection.connect()
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else {}
        finally:
            connection.close()

    def report(self) -> Any:
        """Empty while nobody answers; a few a second, since a sidecar takes no more."""
        time.sleep(0.2)
        signature = sign_request("GET", "/v1/report", KEY, UID, time.time())
        try:
            return self._ask("GET", "/v1/report", Authorization=signature)
        except (OSError, http.client.HTTPException):
            return {}

    def push(self, configuration: Configuration) -> None:
        assert self._ask("PUT", "/v1/config", sign_configuration(configuration, KEY, UID, time.time()))


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for one in started:
        one.kill_with_children()


def test_what_the_first_has_counted_is_fetched_before_the_second_counts_on(
    pod: Pod, tmp_path: Path, programs: list[Program]
) -> None:
    pod.start_model()
    operator = Asker(pod)
    first = Whole(pod, tmp_path, "llm-monitor-1")
    programs.append(first)
    wait_until(lambda: operator.report().get("interception", {}).get("reading"), seconds=40)
    begun = operator.report()["identity"]
    assert (begun["container"], begun["can_hand_over"]) == ("llm-monitor-1", True)
    for _ in range(5):
        pod.ipv4.post(b"read")
    second = Whole(pod, tmp_path, "llm-monitor-2")
    programs.append(second)
    wait_until(lambda: "another sidecar is at work" in second.log, seconds=40)

    with pod.ipv4.connect() as kept_alive:
        exchange(kept_alive, b"read, too")
        operator.push(Configuration(generation=7, hand_over=True))
        reports: list[Any] = []

        def taken_over() -> bool:
            reports.append(operator.report())
            return bool(_of(reports, "llm-monitor-2"))

        wait_until(taken_over, seconds=40)
        assert exchange(kept_alive, b"carried") == b"carried"
        wait_until(lambda: operator.report()["interception"]["reading"])
        assert operator.report()["interception"]["bypassing_connections"] in (0, 1)  # looked at every 10 s

    last = _of(reports, "llm-monitor-1")[-1]
    next_ = _of(reports, "llm-monitor-2")[0]
    assert "the last report was fetched" in first.log
    assert last["totals"]["interception"]["accepted"] == 6
    assert "HandingOver" in {one["interception"]["reason"] for one in _of(reports, "llm-monitor-1")}
    assert next_["identity"]["boot_id"] != last["identity"]["boot_id"]
    assert next_["identity"]["configuration_generation"] == 0  # its own, until it is given another
    assert first.wait() == 0
    pod.ipv4.post(b"read by the second")
    wait_until(lambda: operator.report()["totals"]["interception"].get("accepted") == 1)


def _of(reports: list[Any], container: str) -> list[Any]:
    return [one for one in reports if one and one["identity"]["container"] == container]
