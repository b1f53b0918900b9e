"""Stopped, by a document or by expiry: the rule goes at once, streams end by themselves, then all rests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import exchange, wait_until

from llmmonitor_sidecar.shared_page import Slot

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


def test_where_nobody_else_answers_the_relay_goes_on(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar()
    sidecar.wait_until_reading()

    sidecar.page[Slot.STOP_REQUESTED] = 1
    stopped = time.monotonic_ns()
    wait_until(lambda: sidecar.page[Slot.SUPERVISOR_HEARTBEAT_NS] > stopped + 3_000_000_000)

    assert loopback.client.post(b"still") == b"still"
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1
