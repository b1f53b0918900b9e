"""Listen mode, without capabilities: refused stays refused, a dead relay is back within a second."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sidecar.supervisor.conftest import Sidecar, read_answer, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.tee import REQUEST, RESPONSE

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Loopback

SLOW_REQUEST = b"POST /slow HTTP/1.1\r\nhost: m\r\ncontent-length: 0\r\n\r\n"


def test_it_listens_exactly_while_the_model_does(loopback: Loopback) -> None:
    sidecar = loopback.start_sidecar()
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.MODEL_NOT_LISTENING)
    assert loopback.client.refused()

    model = loopback.start_model()
    sidecar.wait_until_reading()
    assert loopback.client.post(b"hello") == b"hello"

    model.end()
    wait_until(loopback.client.refused)
    wait_until(lambda: not sidecar.page[Slot.ARMED])
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 0

    loopback.start_model()
    sidecar.wait_until_reading()
    assert loopback.client.post(b"again") == b"again"
    wait_until(lambda: b"again" in sidecar.copies(REQUEST) and b"again" in sidecar.copies(RESPONSE))


def test_a_killed_relay_is_back_at_once_and_the_gap_is_counted(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()
    relay, blind_ns = sidecar.relay_pid, sidecar.page[Slot.BLIND_NS_TOTAL]

    os.kill(relay, signal.SIGKILL)
    wait_until(lambda: sidecar.page[Slot.RELAY_STARTS_TOTAL] == 2)
    sidecar.wait_until_reading()

    assert sidecar.relay_pid != relay
    assert loopback.client.post(b"hello") == b"hello"
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 1
    wait_until(lambda: sidecar.page[Slot.BLIND_NS_TOTAL] > blind_ns)


def test_a_relay_killed_again_and_again_is_back_as_quickly_each_time(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()

    for starts in range(2, 10):  # eight in a row: a crash of its own would have it wait 12.8 s by then
        os.kill(sidecar.relay_pid, signal.SIGKILL)
        wait_until(lambda: sidecar.page[Slot.RELAY_STARTS_TOTAL] == starts)  # noqa: B023 - called here only
        sidecar.wait_until_reading()

    assert loopback.client.post(b"hello") == b"hello"
    wait_until(lambda: sidecar.page[Slot.BLIND_NS_TOTAL] > 0)


def test_a_killed_or_frozen_analyser_changes_nothing_for_traffic(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()
    (analyser,) = set(sidecar.children()) - {sidecar.relay_pid}
    assert os.getpriority(os.PRIO_PROCESS, analyser) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)

    os.kill(analyser, signal.SIGSTOP)
    bodies = [os.urandom(1 << 20) for _ in range(20)]
    assert [loopback.client.post(body) for body in bodies] == bodies
    os.kill(analyser, signal.SIGKILL)
    assert loopback.client.post(b"hello") == b"hello"

    wait_until(lambda: sidecar.page[Slot.ANALYSER_STARTS_TOTAL] == 2)
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1


def test_children_end_with_the_supervisor_and_a_stream_may_finish(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()
    children = sidecar.children()
    with loopback.client.connect() as stream:
        stream.sendall(SLOW_REQUEST)
        wait_until(lambda: sidecar.page[Slot.OPEN_CONNECTIONS] == 1)

        sidecar.end(signal.SIGKILL)

        assert read_answer(stream) == b"." * 10
    wait_until(lambda: not any(_exists(pid) for pid in children))


def test_sigterm_lets_a_stream_finish_and_refuses_new_ones(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()
    children = sidecar.children()
    with loopback.client.connect() as stream:
        stream.sendall(SLOW_REQUEST)
        wait_until(lambda: sidecar.page[Slot.OPEN_CONNECTIONS] == 1)

        sidecar.process.send_signal(signal.SIGTERM)

        wait_until(loopback.client.refused)
        assert read_answer(stream) == b"." * 10
    assert sidecar.wait() == 0
    assert not any(_exists(pid) for pid in children)


def test_a_second_signal_does_not_wait_for_streams(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar(STOP_GRACE="1h")
    sidecar.wait_until_reading()
    with loopback.client.connect():
        wait_until(lambda: sidecar.page[Slot.OPEN_CONNECTIONS] == 1)
        sidecar.process.send_signal(signal.SIGINT)
        wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.STOPPING)

        assert sidecar.end(signal.SIGINT) == 0


def test_connections_past_the_relay_are_counted(loopback: Loopback) -> None:
    loopback.start_model()
    with loopback.direct.connect(), loopback.direct.connect():
        sidecar = loopback.start_sidecar()
        wait_until(lambda: sidecar.page[Slot.BYPASSING_CONNECTIONS] == 2)


def test_a_target_known_by_name_is_tried_by_connecting(loopback: Loopback) -> None:
    sidecar = loopback.start_sidecar(TARGET_HOST="127.1")  # a name, so it may be anywhere
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.MODEL_NOT_LISTENING)
    assert loopback.client.refused()

    loopback.start_model()
    sidecar.wait_until_reading()

    assert loopback.client.post(b"hello") == b"hello"


def test_a_name_of_two_addresses_reaches_the_model_that_listens_on_one(loopback: Loopback) -> None:
    loopback.start_model(host="::1")
    sidecar = loopback.start_sidecar(TARGET_HOST="localhost")
    sidecar.wait_until_reading()

    assert loopback.client.post(b"hello") == b"hello"


def test_what_listen_mode_runs_without(loopback: Loopback) -> None:
    sidecar = loopback.start_sidecar()
    wait_until(lambda: sidecar.page[Slot.RELAY_STARTS_TOTAL])

    lines = Path(f"/proc/{sidecar.pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t") for line in lines if line.startswith(("CapEff", "NoNew")))

    assert fields == {"CapEff": "0" * 16, "NoNewPrivs": "1"}


def test_an_analyser_that_hangs_is_replaced(tmp_path: Path) -> None:
    environment = {"MODE": "off", "TARGET_PORT": "9"}
    supervisor = Sidecar(tmp_path, [], environment, "failing_supervisor_process.py")
    try:
        wait_until(lambda: supervisor.page[Slot.ANALYSER_STARTS_TOTAL] == 2)
        assert "analyser killed" in supervisor.log
    finally:
        supervisor.kill_with_children()


def test_an_error_of_its_own_is_shown_and_survived(tmp_path: Path) -> None:
    environment = {"MODE": "off", "TARGET_PORT": "9"}
    supervisor = Sidecar(tmp_path, [], environment, "failing_supervisor_process.py")
    try:
        wait_until(lambda: supervisor.page[Slot.STEP_ASIDE_REASON] == Reason.OFF)

        supervisor.page[Slot.GENERATION_APPLIED] = 1
        wait_until(lambda: supervisor.page[Slot.STEP_ASIDE_REASON] == Reason.SUPERVISOR_FAILED)
        assert "as told" in supervisor.log

        supervisor.page[Slot.GENERATION_APPLIED] = 0
        wait_until(lambda: supervisor.page[Slot.STEP_ASIDE_REASON] == Reason.OFF)
        assert supervisor.end(signal.SIGTERM) == 0
    finally:
        supervisor.kill_with_children()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
