"""Transparent mode with everything well: clients notice nothing, the analyser sees every byte."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, exchange, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.tee import REQUEST, RESPONSE

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod

pytestmark = pytest.mark.root


def test_bytes_are_identical_and_copied_over_ipv4_and_ipv6(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    bodies = [random.Random(seed).randbytes(300_000) for seed in (4, 6)]

    answers = [client.post(body) for client, body in zip((pod.ipv4, pod.ipv6), bodies, strict=True)]

    assert answers == bodies
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 2)
    for direction in (REQUEST, RESPONSE):
        wait_until(lambda: all(body in sidecar.copies(direction) for body in bodies))  # noqa: B023 - called at once


def test_clients_within_the_pod_are_not_intercepted(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    assert pod.within.post(b"from a neighbour container") == b"from a neighbour container"

    assert sidecar.page[Slot.ACCEPTED_TOTAL] == 0


def test_refused_stays_refused_until_the_model_listens_and_again_after(pod: Pod) -> None:
    sidecar = pod.start_sidecar()
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.MODEL_NOT_LISTENING)
    assert all(pod.ipv4.refused() and pod.ipv6.refused() for _ in range(20))

    model = pod.start_model()
    with Load(pod.ipv4) as load:
        sidecar.wait_until_reading()
        read_before = sidecar.page[Slot.ACCEPTED_TOTAL]
        wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] > read_before + 10)
    assert load.failed_after(0) == []

    model.end()
    wait_until(lambda: not sidecar.page[Slot.ARMED])
    assert all(pod.ipv4.refused() and pod.ipv6.refused() for _ in range(20))
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 0


def test_a_model_without_ipv6_goes_on_refusing_it(pod: Pod) -> None:
    pod.start_model("0.0.0.0")
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    assert pod.ipv4.post(b"a") == b"a"
    assert pod.ipv6.refused()
    assert sidecar.page[Slot.UPSTREAM_REFUSED_TOTAL] == 0


def test_a_model_for_this_pod_only_is_not_opened_to_others(pod: Pod) -> None:
    pod.start_model("127.0.0.1")
    sidecar = pod.start_sidecar()
    wait_until(lambda: sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.MODEL_NOT_LISTENING)

    assert pod.within.post(b"a") == b"a"
    assert pod.ipv4.refused()
    assert sidecar.page[Slot.STEP_ASIDE_REASON] == Reason.MODEL_NOT_LISTENING


def test_a_connection_from_before_goes_on(pod: Pod) -> None:
    pod.start_model()
    with pod.ipv4.connect() as early:
        assert exchange(early, b"before") == b"before"
        sidecar = pod.start_sidecar()
        sidecar.wait_until_reading()

        assert [exchange(early, b"%d" % number) for number in range(80)] == [b"%d" % n for n in range(80)]
        assert sidecar.page[Slot.ACCEPTED_TOTAL] == 0


@pytest.mark.long
def test_coverage_tells_the_connections_read_from_those_bypassing(pod: Pod) -> None:
    pod.start_model()
    with pod.ipv4.connect():
        sidecar = pod.start_sidecar()
        sidecar.wait_until_reading()
        with pod.ipv4.connect() as late, pod.ipv6.connect() as later:
            assert (exchange(late, b"l"), exchange(later, b"r")) == (b"l", b"r")
            coverage = (Slot.READ_CONNECTIONS, Slot.BYPASSING_CONNECTIONS)
            wait_until(lambda: [sidecar.page[slot] for slot in coverage] == [2, 1])  # every 10 s


def test_privileges_after_the_start(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(("setpriv", "--bounding-set=-all,+net_admin,+setuid,+setgid"))
    sidecar.wait_until_reading()

    supervisor = _status(sidecar.pid)
    children = [_status(pid) for pid in sidecar.children()]

    assert len(children) == 2
    for process in (supervisor, *children):
        assert set(process["Uid"].split()) == set(process["Gid"].split()) == {"65532"}
        assert process["Groups"] == ""
        assert process["NoNewPrivs"] == "1"
        assert Path(f"/proc/{process['Pid']}/oom_score_adj").read_text() == "1000\n"
    assert supervisor["CapEff"] == supervisor["CapPrm"] == f"{1 << 12:016x}"  # NET_ADMIN alone
    assert {process[name] for process in children for name in ("CapEff", "CapPrm", "CapAmb")} == {"0" * 16}


def test_the_supervisor_keeps_no_copy_of_the_listener(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()
    port = f"{sidecar.page[Slot.LISTENING]:04X}"

    table = Path(f"/proc/{sidecar.pid}/net/tcp6").read_text()
    (inode,) = [row.split()[9] for row in table.splitlines() if f":{port} " in row and row.split()[3] == "0A"]
    holders = [
        pid
        for pid in (sidecar.pid, *sidecar.children())
        if any(str(fd.readlink()) == f"socket:[{inode}]" for fd in Path(f"/proc/{pid}/fd").iterdir())
    ]

    assert holders == [sidecar.relay_pid]


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
