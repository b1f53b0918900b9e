"""A sidecar makes room for the successor that waits beside it: never two rules, and no request fails."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, exchange, read_answer, wait_until

from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.supervisor import alone
from llmmonitor_sidecar.supervisor.hand_over import PATIENCE_NS, SETTLED_NS, HandOver
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.supervisor.supervisor import REST_TICK_SECONDS

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod, Sidecar

REQUEST = b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\nha"


def _start(pod: Pod, **settings: str) -> Sidecar:
    return pod.start_sidecar((), POD_IP="10.77.0.1", HOST_IP="10.0.0.1", **settings)


def _waiting(pod: Pod, **settings: str) -> Sidecar:
    successor = _start(pod, **settings)
    wait_until(lambda: "another sidecar is at work in this pod" in successor.log)
    return successor


def _ask_to_hand_over(sidecar: Sidecar) -> None:
    sidecar.page[Slot.HAND_OVER_REQUESTED] = 1  # the analyser does this


@pytest.mark.root
def test_under_load_nothing_fails_and_there_is_one_rule_at_a_time(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _waiting(pod, RELAY_PORT="14011")
    seen, tables = set(), set()

    with Load(pod.ipv4) as load:
        _ask_to_hand_over(first)
        while not second.page[Slot.ARMED]:
            rules = pod.rules()
            seen.add(("to :14001" in rules, "to :14011" in rules))
            tables.add(rules.count("table inet"))
        taken_over = time.monotonic()
        read_before = second.page[Slot.ACCEPTED_TOTAL]
        wait_until(lambda: second.page[Slot.ACCEPTED_TOTAL] > read_before + 20)

    assert first.wait() == 0
    assert load.failed_after(0) == []
    assert load.begun_after(taken_over)
    assert seen <= {(True, False), (False, False), (False, True)}
    assert (False, False) in seen  # in between, connections go straight to the model
    assert max(tables) == 1  # one that is just going may be listed without its rule
    assert first.page[Slot.STEP_ASIDES_TOTAL] == 0


@pytest.mark.root
def test_without_a_successor_nothing_happens(pod: Pod) -> None:
    pod.start_model()
    sidecar = _start(pod)
    sidecar.wait_until_reading()

    _ask_to_hand_over(sidecar)
    asked = time.monotonic_ns()
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > asked + 2_000_000_000)

    assert sidecar.page[Slot.ARMED]
    assert pod.ipv4.post(b"read") == b"read"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)


@pytest.mark.root
def test_if_the_successor_dies_first_the_predecessor_goes_on(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _waiting(pod)
    with pod.ipv4.connect() as stream:
        stream.sendall(REQUEST)
        wait_until(lambda: first.page[Slot.OPEN_CONNECTIONS] == 1)
        first.page[Slot.REQUESTS_IN_FLIGHT] = 1  # the analyser says so: it is not over soon
        _ask_to_hand_over(first)
        wait_until(lambda: first.page[Slot.STEP_ASIDE_REASON] == Reason.HANDING_OVER)
        wait_until(lambda: pod.rules() == "")

        second.end(signal.SIGKILL)
        first.wait_until_reading(seconds=2)

        stream.sendall(b"lf")
        assert read_answer(stream) == b"half"
    assert pod.ipv4.post(b"read") == b"read"
    assert first.page[Slot.RELAY_STARTS_TOTAL] == 1


@pytest.mark.root
def test_a_request_in_flight_is_read_to_its_end_before_the_successor_begins(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _waiting(pod)
    with pod.ipv4.connect() as stream:
        stream.sendall(REQUEST)
        wait_until(lambda: first.page[Slot.OPEN_CONNECTIONS] == 1)
        first.page[Slot.REQUESTS_IN_FLIGHT] = 1
        _ask_to_hand_over(first)
        asked = time.monotonic_ns()
        wait_until(lambda: first.page[Slot.SUPERVISOR_HEARTBEAT_NS] > asked + 2_000_000_000)
        assert second.children() == []

        stream.sendall(b"lf")
        assert read_answer(stream) == b"half"
        first.page[Slot.REQUESTS_IN_FLIGHT] = 0

        second.wait_until_reading()


@pytest.mark.root
def test_a_connection_that_stays_open_is_carried_on_by_the_old_relay_and_counted_as_unread(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    with pod.ipv4.connect() as kept_alive:
        assert exchange(kept_alive, b"before") == b"before"
        second = _waiting(pod)
        _ask_to_hand_over(first)
        second.wait_until_reading()
        wait_until(lambda: "handed over; 1 connections" in first.log)

        assert [exchange(kept_alive, b"%d" % number) for number in range(50)] == [
            b"%d" % n for n in range(50)
        ]
        assert pod.ipv4.post(b"new") == b"new"
        wait_until(lambda: second.page[Slot.ACCEPTED_TOTAL] == 1)
        assert second.page[Slot.READ_CONNECTIONS] == 0
        assert second.page[Slot.BYPASSING_CONNECTIONS] == 1
        assert len(first.children()) == 1  # the relay
    assert first.wait() == 0
    assert pod.ipv4.post(b"still") == b"still"
    assert second.page[Slot.ARMED]


@pytest.mark.root
@pytest.mark.long
def test_an_old_relay_that_hangs_leaves_nobody_waiting_and_one_that_works_stays(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _waiting(pod)
    with pod.ipv4.connect(timeout=30.0) as kept_alive:
        exchange(kept_alive, b"before")
        _ask_to_hand_over(first)
        second.wait_until_reading()
        began = time.monotonic_ns()
        wait_until(lambda: second.page[Slot.SUPERVISOR_HEARTBEAT_NS] > began + 15_000_000_000, seconds=40)
        assert exchange(kept_alive, b"carried") == b"carried"

        os.kill(first.relay_pid, signal.SIGSTOP)
        with pytest.raises(ConnectionResetError):
            exchange(kept_alive, b"lost")
    assert first.wait() == 0
    assert pod.ipv4.post(b"new") == b"new"


@pytest.mark.root
def test_the_pods_end_ends_a_relay_that_still_carries(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod, STOP_GRACE="1s")
    first.wait_until_reading()
    with pod.ipv4.connect() as kept_alive:
        exchange(kept_alive, b"before")
        second = _waiting(pod)
        _ask_to_hand_over(first)
        second.wait_until_reading()

        assert first.end(signal.SIGTERM) == 0
        assert "to :14001" in pod.rules()


class _Waiting:
    def __init__(self) -> None:
        self.there = True

    def __call__(self) -> bool:
        return self.there


def test_it_is_due_when_nothing_is_in_flight_or_patience_is_over() -> None:
    page, successor = SharedPage(), _Waiting()
    hand_over = HandOver(page, successor)
    page[Slot.OPEN_CONNECTIONS] = page[Slot.REQUESTS_IN_FLIGHT] = 3
    assert not hand_over.under_way(1)  # nobody asked
    assert not hand_over.has_begun
    page[Slot.HAND_OVER_REQUESTED] = 1

    assert hand_over.under_way(1)
    assert hand_over.has_begun
    assert not hand_over.due(SETTLED_NS + 1)
    page[Slot.REQUESTS_IN_FLIGHT] = 0  # the connections are kept alive
    assert not hand_over.due(SETTLED_NS)
    assert hand_over.due(SETTLED_NS + 1)
    page[Slot.REQUESTS_IN_FLIGHT] = 1
    assert not hand_over.due(PATIENCE_NS)
    assert hand_over.due(PATIENCE_NS + 1)

    successor.there = False
    assert not hand_over.under_way(PATIENCE_NS + 2)
    assert not hand_over.due(2 * PATIENCE_NS)
    assert not hand_over.has_begun


def test_a_name_that_nobody_holds_is_no_successor() -> None:
    assert not alone.has_successor()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(alone.SUCCESSOR)
        assert alone.has_successor()
    assert not alone.has_successor()


@pytest.mark.root
def test_one_that_idles_because_nobody_speaks_to_it_makes_room_too(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    second = _waiting(pod, RELAY_PORT="14011")

    first.page[Slot.STOP_REQUESTED] = 1  # the analyser does this when its configuration has run out
    _ask_to_hand_over(first)

    assert first.wait() == 0
    second.wait_until_reading()
    assert pod.ipv4.post(b"read") == b"read"


@pytest.mark.root
def test_one_that_rests_already_sees_its_successor_and_then_does_not_rest(pod: Pod) -> None:
    pod.start_model()
    first = _start(pod)
    first.wait_until_reading()
    first.page[Slot.STOP_REQUESTED] = 1  # the analyser does this when its configuration has run out
    _ask_to_hand_over(first)
    wait_until(lambda: first.page[Slot.LISTENING] == 0 and len(first.children()) == 1)

    second = _waiting(pod, RELAY_PORT="14011")
    looks = [first.page[Slot.SUPERVISOR_HEARTBEAT_NS]]
    while not second.page[Slot.SUPERVISOR_HEARTBEAT_NS]:
        time.sleep(0.005)
        looks.append(first.page[Slot.SUPERVISOR_HEARTBEAT_NS])
    began, due = sorted(set(looks))[-2:]

    assert first.wait() == 0
    assert due - began < REST_TICK_SECONDS * 1e9
    second.wait_until_reading()
