"""The program as a pod starts it, by its environment: it stays, answers, and remembers what it was told."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

from tests.sidecar.whole_sidecar import KEY, POD, Whole, until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import sign_configuration


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
