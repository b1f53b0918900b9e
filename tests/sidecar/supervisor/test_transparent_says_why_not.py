"""Where interception cannot be had, nothing is touched, the reason is shown, and the sidecar stays."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.reasons import Reason

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod, Sidecar

pytestmark = pytest.mark.root


def _says(sidecar: Sidecar, reason: Reason) -> bool:
    return sidecar.page[Slot.STEP_ASIDE_REASON] == reason and sidecar.page[Slot.ARMED] == 0


def test_the_nodes_network_is_never_touched(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(POD_IP="10.77.0.1", HOST_IP="10.77.0.1")

    wait_until(lambda: _says(sidecar, Reason.HOST_NETWORK) and sidecar.page[Slot.MODEL_LISTENING])

    assert pod.rules() == ""
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 0
    wait_until(lambda: sidecar.page[Slot.ANALYSER_STARTS_TOTAL] == 1)
    assert pod.ipv4.post(b"direct") == b"direct"


@pytest.mark.parametrize(
    "rules", ["add table ip nat; add chain ip nat ISTIO_INBOUND", "add table inet istio-ambient"]
)
def test_a_meshs_rules_are_left_alone(pod: Pod, rules: str) -> None:
    subprocess.check_call([*pod.prefix, "nft", rules])
    before = pod.rules()
    pod.start_model()
    sidecar = pod.start_sidecar()

    wait_until(lambda: _says(sidecar, Reason.MESH_REDIRECTS) and sidecar.page[Slot.MODEL_LISTENING])

    assert pod.rules() == before
    assert pod.ipv4.post(b"direct") == b"direct"


def test_an_ambient_meshs_listener_is_enough(pod: Pod) -> None:
    pod.start_model()
    pod.start_model("::", 15008)
    sidecar = pod.start_sidecar()

    wait_until(lambda: _says(sidecar, Reason.MESH_REDIRECTS))

    assert pod.rules() == ""


@pytest.mark.parametrize("lacking", ["net_admin", "setuid", "setgid"])
def test_without_a_capability_it_stays_and_says_so(pod: Pod, lacking: str) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar(("setpriv", f"--bounding-set=-{lacking}"))

    wait_until(lambda: _says(sidecar, Reason.NOT_PERMITTED) and sidecar.page[Slot.ANALYSER_STARTS_TOTAL])

    assert pod.rules() == ""
    assert lacking.upper() in sidecar.log
    assert sidecar.page[Slot.ANALYSER_STARTS_TOTAL] == 1


def test_a_port_that_somebody_has_is_left_to_them_and_the_next_one_taken(pod: Pod) -> None:
    pod.start_model()
    pod.start_model("::", 14001)
    sidecar = pod.start_sidecar()

    sidecar.wait_until_reading()

    assert sidecar.page[Slot.LISTENING] == 14003  # 14002 is the API's
    assert "to :14003" in pod.rules()
    assert pod.ipv4.post(b"read") == b"read"
    wait_until(lambda: sidecar.page[Slot.ACCEPTED_TOTAL] == 1)


def test_without_any_port_it_says_so_and_tries_on(pod: Pod) -> None:
    pod.start_model()
    holders = [pod.start_model("::", port) for port in (65534, 65535)]
    sidecar = pod.start_sidecar(RELAY_PORT="65534")
    wait_until(lambda: _says(sidecar, Reason.PORT_TAKEN) and sidecar.page[Slot.MODEL_LISTENING])
    assert pod.ipv4.post(b"direct") == b"direct"

    holders[1].end()

    sidecar.wait_until_reading(40)
    assert "to :65535" in pod.rules()
    assert pod.ipv4.post(b"read") == b"read"


def test_a_limit_pushed_later_is_obeyed_at_once(pod: Pod) -> None:
    pod.start_model()
    sidecar = pod.start_sidecar()
    sidecar.wait_until_reading()

    sidecar.page[Slot.MAX_ADDED_LATENCY_US] = 1  # the analyser does this

    wait_until(lambda: _says(sidecar, Reason.STARVED_OF_CPU))
    assert "elements" not in pod.rules()
    assert sidecar.page[Slot.STEP_ASIDES_TOTAL] == 1
