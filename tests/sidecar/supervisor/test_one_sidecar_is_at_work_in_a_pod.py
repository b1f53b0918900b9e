"""Two sidecars meet in a pod (a successor beside its predecessor, an attached one beside an injected one)."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, read_answer, wait_until

from llmmonitor_sidecar.shared_page import Slot

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod, Sidecar

pytestmark = pytest.mark.root


def _start(pod: Pod, **settings: str) -> Sidecar:
    return pod.start_sidecar((), POD_IP="10.77.0.1", HOST_IP="10.0.0.1", **settings)


def _waits(sidecar: Sidecar) -> bool:
    return "another sidecar is at work in this pod" in sidecar.log


def test_the_second_touches_nothing_and_takes_over_when_the_first_is_killed(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()

    with Load(pod.ipv4) as load:
        second = _start(pod, RELAY_PORT="14011", API_PORT="14012")
        wait_until(lambda: _waits(second))
        assert second.children() == []
        assert "to :14001" in pod.rules()
        first.end(signal.SIGKILL)
        gone = time.monotonic()
        second.wait_until_reading()
        rules = pod.rules()

    assert load.begun_after(gone)
    assert load.failed_after(gone) == []
    assert "to :14011" in rules
    assert "to :14001" not in rules
    assert second.page[Slot.RELAY_STARTS_TOTAL] == 1


def test_a_second_that_is_told_to_stop_leaves_the_first_alone(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _start(pod)
    wait_until(lambda: _waits(second))

    assert second.end(signal.SIGTERM) == 0

    assert pod.ipv4.post(b"read") == b"read"
    assert first.page[Slot.ARMED] == 1
    assert first.page[Slot.STEP_ASIDES_TOTAL] == 0


def test_a_relay_that_lets_its_streams_finish_does_not_hold_up_the_successor(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod, STOP_GRACE="60s")
    first.wait_until_reading()
    with pod.ipv4.connect() as stream:
        stream.sendall(b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\nha")
        wait_until(lambda: first.page[Slot.OPEN_CONNECTIONS] == 1)
        first.end(signal.SIGKILL)

        second = _start(pod)
        second.wait_until_reading()

        stream.sendall(b"lf")
        assert read_answer(stream) == b"half"
