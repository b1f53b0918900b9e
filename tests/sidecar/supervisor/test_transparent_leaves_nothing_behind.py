"""The table is the same after any restart, and gone after a stop; flows in progress may finish."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, read_answer, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.reasons import Reason

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod

pytestmark = pytest.mark.root


def test_a_restart_after_a_kill_finds_and_replaces_its_own_table(pod: Pod) -> None:
    pod.start_model()
    first = pod.start_sidecar()
    first.wait_until_reading()
    rules = _without_times(pod.rules())

    first.end(signal.SIGKILL)
    assert "table inet llmmonitor" in pod.rules()
    second = pod.start_sidecar()
    second.wait_until_reading()

    assert _without_times(pod.rules()) == rules
    assert rules.count("tproxy") == 2


def test_nothing_is_left_after_a_stop_and_open_streams_finish(pod: Pod) -> None:
    pod.start_model()
    subprocess.check_call([*pod.prefix, "nft", "add table inet somebody_else"])
    before = pod.rules()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    with pod.ipv4.connect() as stream, Load(pod.ipv6) as load:
        stream.sendall(b"POST /slow HTTP/1.1\r\nhost: m\r\ncontent-length: 0\r\n\r\n")
        wait_until(lambda: sidecar.page[Slot.OPEN_CONNECTIONS] >= 1)
        children = sidecar.children()

        sidecar.process.send_signal(signal.SIGTERM)

        assert read_answer(stream) == b"." * 10
        stream.close()
        assert sidecar.wait() == 0

    assert [attempt for attempt in load.attempts if attempt.error] == []
    assert pod.rules() == before
    assert not any(_is_process(pid) for pid in children)


def test_rules_that_somebody_flushed_come_back(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    subprocess.check_call([*pod.prefix, "nft", "flush ruleset"])

    wait_until(lambda: "elements" in pod.rules())
    assert pod.ipv4.post(b"a") == b"a"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)


def test_a_signed_stop_removes_interception_and_keeps_the_sidecar(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    sidecar.page[Slot.STOP_REQUESTED] = 1  # the analyser does this
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.STOPPED)
    blind_ns = sidecar.page[Slot.BLIND_NS_TOTAL]

    assert pod.rules() == ""
    assert pod.ipv4.post(b"direct") == b"direct"
    assert sidecar.page[Slot.ACCEPTED_TOTAL] == 0
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 0
    assert sidecar.page[Slot.BLIND_NS_TOTAL] == blind_ns
    assert sidecar.process.poll() is None


def _without_times(rules: str) -> str:
    return "\n".join(line.partition(" expires ")[0] for line in rules.splitlines())


def _is_process(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], stdout=subprocess.DEVNULL, check=False).returncode == 0
