"""Stopped, by a document or by expiry: the rule goes at once, streams end by themselves, then all rests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import exchange, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.supervisor import REST_TICK_SECONDS
from llmmonitor_sidecar.supervisor.ways import COVERAGE_INTERVAL_NS

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Loopback, Pod, Sidecar

pytestmark = pytest.mark.root


def _cpu_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) * 1e-9


def _relay_has_ended(sidecar: Sidecar) -> bool:
    return sidecar.page[Slot.LISTENING] == 0 and len(sidecar.children()) == 1


def test_the_rule_goes_within_a_second_and_what_the_relay_carries_is_not_cut(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(STOP_GRACE="0s")
    sidecar.wait_until_reading()
    with pod.ipv4.connect() as kept_alive:
        assert exchange(kept_alive, b"before") == b"before"

        sidecar.page[Slot.STOP_REQUESTED] = 1  # the analyser does this
        wait_until(lambda: pod.rules() == "", seconds=1)
        wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > time.monotonic_ns() - 50_000_000)
        carried_since = time.monotonic_ns()
        wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > carried_since + 3_000_000_000)

        assert exchange(kept_alive, b"after") == b"after"
        assert len(sidecar.children()) == 2
    wait_until(lambda: _relay_has_ended(sidecar))
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1


def test_a_connection_accepted_just_before_the_stop_is_carried(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(STOP_GRACE="0s")
    sidecar.wait_until_reading()

    with pod.ipv4.connect() as accepted:  # the page says so a tick later
        sidecar.page[Slot.STOP_REQUESTED] = 1
        wait_until(lambda: pod.rules() == "", seconds=1)

        assert exchange(accepted, b"carried") == b"carried"


def test_it_costs_next_to_nothing_and_comes_back_with_the_next_document(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    sidecar.page[Slot.STOP_REQUESTED] = 1
    wait_until(lambda: _relay_has_ended(sidecar))

    before, began = _cpu_seconds(sidecar.pid), time.monotonic_ns()
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > began + 4_000_000_000)
    used = _cpu_seconds(sidecar.pid) - before
    sidecar.page[Slot.STOP_REQUESTED] = 0

    sidecar.wait_until_reading()
    assert used < 0.04  # one hundredth of a core
    assert pod.ipv4.post(b"read") == b"read"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)


def test_at_rest_nobody_counts_connections_and_it_is_the_first_thing_afterwards(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    sidecar.page[Slot.READ_CONNECTIONS] = 3  # as it was when last looked at
    sidecar.page[Slot.STOP_REQUESTED] = 1
    wait_until(lambda: sidecar.page[Slot.READ_CONNECTIONS] == 0)  # the relay has ended

    with pod.ipv4.connect() as direct:
        exchange(direct, b"unread")
        due = time.monotonic_ns() + COVERAGE_INTERVAL_NS  # at work it would be counted by then
        wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > due, seconds=40)
        _next_look(sidecar)  # the one before published its time and would have counted after that
        assert sidecar.page[Slot.BYPASSING_CONNECTIONS] == 0

        sidecar.page[Slot.STOP_REQUESTED] = 0
        sidecar.wait_until_reading()
        assert sidecar.page[Slot.BYPASSING_CONNECTIONS] == 1


def _resting(place: Loopback) -> Sidecar:
    """It has just looked."""
    sidecar = place.start_sidecar(MODE="off")
    wait_until(sidecar.children)
    sidecar.page[Slot.STOP_REQUESTED] = 1
    stopped = time.monotonic_ns()
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > stopped)
    return sidecar


def _next_look(sidecar: Sidecar, seconds: float = 15.0, killed: int = 0, number: int = 0) -> int:
    """How long after the one before, in nanoseconds; after process `killed` got signal `number`."""
    before = sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS]
    if killed:
        os.kill(killed, number)
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] != before, seconds)
    return sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] - before


def test_at_rest_it_looks_seldom_and_at_once_when_it_is_woken(loopback: Loopback) -> None:
    sidecar = _resting(loopback)

    assert _next_look(sidecar) >= REST_TICK_SECONDS * 1e9

    for _ in range(3):
        _next_look(sidecar, REST_TICK_SECONDS / 2, sidecar.pid, signal.SIGCHLD)  # from the analyser: news


def test_an_analyser_that_dies_at_rest_has_a_successor_before_the_next_look(loopback: Loopback) -> None:
    sidecar = _resting(loopback)
    [analyser] = sidecar.children()

    _next_look(sidecar, REST_TICK_SECONDS / 2, analyser, signal.SIGKILL)

    wait_until(lambda: sidecar.page[Slot.ANALYSER_STARTS_TOTAL] == 2, REST_TICK_SECONDS * 0.8)


def test_at_rest_it_ends_at_once_when_told_to(loopback: Loopback) -> None:
    sidecar = _resting(loopback)

    assert sidecar.end(signal.SIGTERM, REST_TICK_SECONDS * 0.8) == 0


def test_where_nobody_else_answers_the_relay_goes_on(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()

    sidecar.page[Slot.STOP_REQUESTED] = 1
    stopped = time.monotonic_ns()
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > stopped + 3_000_000_000)

    assert loopback.client.post(b"still") == b"still"
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1
