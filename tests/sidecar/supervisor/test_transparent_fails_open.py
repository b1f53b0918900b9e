"""Whatever happens to the sidecar, new connections reach the model: at once or within a second.

Three kinds of connections are told apart when a relay dies: those begun after (none may fail), those in its
accept queue and those it carried (both get a reset).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, exchange, read_answer, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.reasons import Reason

if TYPE_CHECKING:
    import socket

    from tests.sidecar.supervisor.conftest import Client, Pod

pytestmark = pytest.mark.root

DEAD_MAN_SECONDS = 1.0
ENOUGH = 150


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_no_connection_begun_after_the_relay_is_killed_fails(pod: Pod, family: str) -> None:
    client: Client = getattr(pod, family)
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    with Load(client) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        carried = [client.connect() for _ in range(20)]
        assert [exchange(sock, b"x") for sock in carried] == [b"x"] * 20
        relay = sidecar.relay_pid
        os.kill(relay, signal.SIGSTOP)
        in_queue = [client.connect() for _ in range(20)]
        os.kill(relay, signal.SIGKILL)
        wait_until(lambda: not _lives(relay))
        gone = time.monotonic()
        wait_until(lambda: len(load.begun_after(gone)) > ENOUGH)
        sidecar.wait_until_reading()
        back = time.monotonic()
        wait_until(lambda: len(load.begun_after(back)) > ENOUGH)

    assert load.failed_after(gone) == []
    assert {_end_of(sock) for sock in carried} <= {"reset", "closed"}
    assert [_end_of(sock) for sock in in_queue] == ["reset"] * 20
    assert sidecar.relay_pid != relay
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 2
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 1
    assert sidecar.page[Slot.BLIND_NS_TOTAL] > 0


@pytest.mark.parametrize("victim", ["supervisor", "analyser"])
def test_killing_another_process_harms_no_new_connection(pod: Pod, victim: str) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    (analyser,) = set(sidecar.children()) - {sidecar.relay_pid}

    with Load(pod.ipv4) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        os.kill(sidecar.pid if victim == "supervisor" else analyser, signal.SIGKILL)
        killed = time.monotonic()
        if victim == "supervisor":
            sidecar.wait()
            sidecar = pod.start_sidecar()  # as the container's restart does
            sidecar.wait_until_reading()
        else:
            wait_until(lambda: sidecar.page[Slot.ANALYSER_STARTS_TOTAL] == 2)
        wait_until(lambda: len(load.begun_after(killed + DEAD_MAN_SECONDS)) > ENOUGH)

    assert load.failed_after(killed + DEAD_MAN_SECONDS) == []
    accepted = sidecar.page[Slot.ACCEPTED_TOTAL]
    assert pod.ipv4.post(b"read again") == b"read again"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] > accepted)


def test_a_stream_outlives_the_supervisor(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    with pod.ipv4.connect() as stream:
        stream.sendall(b"POST /slow HTTP/1.1\r\nhost: m\r\ncontent-length: 0\r\n\r\n")
        wait_until(lambda: sidecar.page[Slot.OPEN_CONNECTIONS] == 1)

        sidecar.end(signal.SIGKILL)

        assert read_answer(stream) == b"." * 10


def test_with_every_process_frozen_new_connections_go_direct_within_a_second(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    everyone = [sidecar.pid, *sidecar.children()]

    with Load(pod.ipv4) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        frozen = time.monotonic()
        wait_until(lambda: load.begun_after(frozen + DEAD_MAN_SECONDS))
        with Load(pod.ipv6) as while_frozen:
            wait_until(lambda: len(while_frozen.attempts) > ENOUGH)
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: sidecar.page[Slot.STEP_ASIDES_TOTAL])

    assert load.failed_after(frozen + DEAD_MAN_SECONDS) == []
    assert while_frozen.failed_after(0) == []
    assert sidecar.page[Slot.BLIND_NS_TOTAL] > 0


@pytest.mark.long
@pytest.mark.parametrize("command", [["flush", "ruleset"], ["flush", "table", "inet", "llmmonitor"]])
def test_rules_that_somebody_flushed_are_made_anew(pod: Pod, command: list[str]) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    with Load(pod.ipv4) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        subprocess.check_call([*pod.prefix, "nft", *command])
        wait_until(lambda: "made anew" in sidecar.log, 30)
        accepted = sidecar.page[Slot.ACCEPTED_TOTAL]
        wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] > accepted + ENOUGH)

    assert load.failed_after(0) == []


@pytest.mark.long
def test_a_sidecar_that_was_frozen_reads_again_with_the_same_relay(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    everyone = [sidecar.pid, *sidecar.children()]

    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(11)  # longer than a silent relay may live
    for pid in everyone:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDES_TOTAL])
    sidecar.wait_until_reading(30)

    assert pod.ipv4.post(b"read") == b"read"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)
    assert (sidecar.page[Slot.RELAY_STARTS_TOTAL], sidecar.page[Slot.RELAY_KILLS_TOTAL]) == (1, 0)
    assert sidecar.page[Slot.BLIND_NS_TOTAL] > 9_000_000_000


def test_a_frozen_relay_is_stepped_around(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    with Load(pod.ipv4) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        os.kill(sidecar.relay_pid, signal.SIGSTOP)
        frozen = time.monotonic()
        wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.RELAY_STALLED)
        wait_until(lambda: "elements" not in pod.rules())
        aside = time.monotonic()
        wait_until(lambda: len(load.begun_after(frozen + DEAD_MAN_SECONDS)) > 20)
        os.kill(sidecar.relay_pid, signal.SIGCONT)

    assert load.failed_after(frozen + DEAD_MAN_SECONDS) == []
    assert load.failed_after(aside) == []


@pytest.mark.long
def test_a_thawed_relay_reads_again_after_a_hold(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    os.kill(sidecar.relay_pid, signal.SIGSTOP)
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.RELAY_STALLED)
    os.kill(sidecar.relay_pid, signal.SIGCONT)
    sidecar.wait_until_reading()

    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1
    assert sidecar.page[Slot.BLIND_NS_TOTAL] >= 5_000_000_000


@pytest.mark.long
def test_a_hung_relay_is_killed_after_ten_seconds_and_reading_resumes(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    relay = sidecar.relay_pid

    os.kill(relay, signal.SIGSTOP)
    wait_until(lambda: sidecar.page[Slot.RELAY_KILLS_TOTAL] == 1, 20)
    sidecar.wait_until_reading(20)

    assert sidecar.relay_pid != relay
    assert pod.ipv4.post(b"a") == b"a"


@pytest.mark.long
def test_a_relay_starved_of_cpu_steps_aside_and_comes_back(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(MAX_ADDED_LATENCY="60ms")
    sidecar.wait_until_reading(60)

    with Load(pod.ipv4, threads=2) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        while sidecar.page[Slot.STEP_ASIDE_REASON] != Reason.STARVED_OF_CPU:  # runs 50 ms of every 200 ms
            os.kill(sidecar.relay_pid, signal.SIGSTOP)
            time.sleep(0.15)
            os.kill(sidecar.relay_pid, signal.SIGCONT)
            time.sleep(0.05)
        wait_until(lambda: "elements" not in pod.rules())
        aside = time.monotonic()
        wait_until(lambda: len(load.begun_after(aside)) > ENOUGH)
        accepted = sidecar.page[Slot.ACCEPTED_TOTAL]
        sidecar.wait_until_reading(60)
        wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] > accepted)

    assert [attempt for attempt in load.attempts if attempt.error] == []
    assert sidecar.page[Slot.BLIND_NS_TOTAL] > 0


@pytest.mark.long
def test_a_relay_beside_a_cpu_hog_steps_aside_and_no_connection_fails(pod: Pod) -> None:
    """The relay at the lowest priority there is on the hogs' core, as 2 CPU shares make an attached one."""
    pod.start_model()
    sidecar = pod.start_sidecar(MAX_ADDED_LATENCY="20ms")
    sidecar.wait_until_reading(60)
    core = min(os.sched_getaffinity(0))

    with Load(pod.ipv4, threads=2) as load:
        wait_until(lambda: len(load.attempts) > ENOUGH)
        os.sched_setaffinity(sidecar.relay_pid, {core})
        os.sched_setscheduler(sidecar.relay_pid, os.SCHED_IDLE, os.sched_param(0))
        hogs = [
            subprocess.Popen(["taskset", "-c", str(core), "sh", "-c", "while :; do :; done"])
            for _ in range(2)
        ]
        try:
            begun = time.monotonic()
            wait_until(lambda: sidecar.page[Slot.STEP_ASIDES_TOTAL] > 0, 60)
            aside = time.monotonic()
            wait_until(lambda: len(load.begun_after(aside)) > ENOUGH, 60)
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        os.sched_setscheduler(sidecar.relay_pid, os.SCHED_OTHER, os.sched_param(0))
        sidecar.wait_until_reading(60)

    failed = [attempt for attempt in load.begun_after(begun + DEAD_MAN_SECONDS) if attempt.error]
    assert failed == []
    assert sidecar.page[Slot.BLIND_NS_TOTAL] > 0


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _end_of(sock: socket.socket) -> str:
    with sock:
        try:
            return "data" if sock.recv(1) else "closed"
        except ConnectionResetError:
            return "reset"
