"""`DrainIdle`: connections from before the rule are closed once idle, and their clients come back read."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import ipaddress
import socket
import time
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import exchange, inside, read_answer, wait_until
from tests.sidecar.supervisor.test_supervisor_reads_the_kernels_lists import NOBODY

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor import drain
from llmmonitor_sidecar.supervisor.drain import Patience
from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis, TcpSocket, Traffic

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod, Sidecar

IDLE = Traffic(sent_ms_ago=70_000, received_ms_ago=71_000, received_bytes=100, waiting_bytes=0)
AT_REST = Patience(idle_ms=60_000, model_at_rest=True)
AT_WORK = Patience(idle_ms=60_000, model_at_rest=False)
NONE: frozenset[drain.End] = frozenset()


def _from(client: str, traffic: Traffic = IDLE, *, transparent: bool = False) -> TcpSocket:
    address, port = client.rsplit(":", 1)
    return dataclasses.replace(
        NOBODY,
        remote=ipaddress.ip_address(address).packed,
        remote_port=int(port),
        transparent=transparent,
        traffic=traffic,
    )


def _closed(traffic: Traffic, patience: Patience = AT_REST) -> bool:
    return bool(drain.to_close([_from("10.0.0.9:5000", traffic)], [], NONE, patience))


def test_an_answered_connection_goes_once_it_was_idle_for_long_enough() -> None:
    just_before = dataclasses.replace(IDLE, sent_ms_ago=59_999)
    never_used = Traffic(70_000, 70_000, received_bytes=0, waiting_bytes=0)

    assert _closed(IDLE)
    assert not _closed(just_before)
    assert _closed(never_used)


def test_one_that_waits_for_an_answer_stays_however_long_that_takes() -> None:
    asked = Traffic(sent_ms_ago=9_000_000, received_ms_ago=8_000_000, received_bytes=100, waiting_bytes=0)
    on_its_way = dataclasses.replace(IDLE, waiting_bytes=1)

    for patience in (AT_REST, AT_WORK):
        assert not _closed(asked, patience)
        assert not _closed(on_its_way, patience)


def test_while_the_model_may_be_at_work_an_answer_may_have_begun_and_wait_in_a_queue() -> None:
    long_idle = dataclasses.replace(IDLE, sent_ms_ago=600_000, received_ms_ago=600_100)
    within_a_tick = dataclasses.replace(IDLE, sent_ms_ago=700_000, received_ms_ago=700_000)

    assert not _closed(IDLE, AT_WORK)
    assert _closed(long_idle, AT_WORK)
    assert not _closed(within_a_tick, AT_WORK)
    assert _closed(within_a_tick, AT_REST)


def test_ours_and_those_of_the_pod_itself_stay() -> None:
    read = _from("10.0.0.9:5000", transparent=True)
    neighbour = _from("10.0.0.1:6000")
    neighbours_end = dataclasses.replace(NOBODY, local=neighbour.remote, local_port=6000, remote_port=8000)
    predecessors = _from("10.0.0.9:5001", transparent=True)
    inherited = frozenset({(predecessors.remote, 5001)})

    found = drain.to_close([read, neighbour, predecessors], [neighbours_end], inherited, AT_REST)

    assert found == [predecessors]


def test_a_few_at_a_time_the_longest_idle_first() -> None:
    many = [
        _from(f"10.0.0.9:{port}", dataclasses.replace(IDLE, sent_ms_ago=60_000 + port, received_ms_ago=10**6))
        for port in range(1000, 1200)
    ]

    few = drain.to_close(many[:20], [], NONE, AT_REST)
    share = drain.to_close(many, [], NONE, AT_REST)

    assert [one.remote_port for one in few] == [1019, 1018, 1017, 1016]
    assert len(share) == 10


def _drains(sidecar: Sidecar, *, at_rest: bool) -> None:
    """As the analyser would have it."""
    sidecar.page[Slot.DRAIN_IDLE_MS] = 500
    minute_ns = 60_000_000_000
    sidecar.page[Slot.MODEL_AT_REST_NS] = time.monotonic_ns() + minute_ns if at_rest else 0


def _is_open(connection: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        try:
            return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except ConnectionResetError:
            return False
    return True


@pytest.mark.root
def test_the_idle_are_reset_and_come_back_read_and_those_in_flight_stay(pod: Pod) -> None:
    pod.start_model()
    with pod.ipv4.connect() as idle, pod.ipv6.connect() as idle6, pod.ipv4.connect() as asking:
        for one in (idle, idle6, asking):
            assert exchange(one, b"before") == b"before"
        with pod.within.connect() as neighbour:
            assert exchange(neighbour, b"n") == b"n"
            time.sleep(0.05)  # in the same tick of the kernel's clock it would look like a quick answer
            asking.sendall(b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\nha")  # and no answer yet
            sidecar = pod.start_sidecar()
            sidecar.wait_until_reading()
            _drains(sidecar, at_rest=True)

            wait_until(lambda: sidecar.page[Slot.DRAINED_TOTAL] == 2, seconds=60)  # looked at every 10 s

            assert (_is_open(idle), _is_open(idle6)) == (False, False)
            assert exchange(neighbour, b"still") == b"still"
        assert pod.ipv4.post(b"again") == b"again"
        wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)
        asking.sendall(b"lf")
        assert read_answer(asking) == b"half"
    assert sidecar.page[Slot.DRAIN_ERROR] == 0


@pytest.mark.root
def test_nothing_is_closed_unless_that_is_asked_for(pod: Pod) -> None:
    pod.start_model()
    with pod.ipv4.connect() as idle:
        assert exchange(idle, b"before") == b"before"
        sidecar = pod.start_sidecar()
        sidecar.wait_until_reading()
        began = time.monotonic_ns()
        wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > began + 11_000_000_000, seconds=20)

        assert sidecar.page[Slot.BYPASSING_CONNECTIONS] == 1
        assert exchange(idle, b"after") == b"after"


@pytest.mark.root
def test_the_kernel_says_when_data_last_moved_and_closes_what_it_is_told(pod: Pod) -> None:
    pod.start_model()
    with inside(pod.namespace):
        diagnosis = SocketDiagnosis()
    with pod.ipv4.connect() as client:
        exchange(client, b"x" * 100)
        (seen,) = diagnosis.established(local_port=8000, traffic=True)
        assert seen.traffic is not None
        assert seen.traffic.received_bytes > 100
        assert seen.traffic.sent_ms_ago < 5000
        client.sendall(b"POST")
        (asked,) = diagnosis.established(local_port=8000, traffic=True)
        assert asked.traffic is not None
        assert asked.traffic.received_bytes == seen.traffic.received_bytes + 4

        diagnosis.destroy(seen)

        assert diagnosis.established(local_port=8000) == []
        assert not _is_open(client)
        with pytest.raises(ProcessLookupError):
            diagnosis.destroy(seen)
    diagnosis.close()


def test_a_refusal_of_the_kernel_is_an_error() -> None:
    diagnosis = SocketDiagnosis()
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        diagnosis.destroy(dataclasses.replace(NOBODY, family=socket.AF_UNSPEC))
    diagnosis.close()
    assert caught.value.errno in (errno.EINVAL, errno.ENOENT, errno.EOPNOTSUPP, errno.EPERM)
