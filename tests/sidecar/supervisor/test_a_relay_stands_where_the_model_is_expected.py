"""Listen mode in a pod: on all addresses, and on to the model by whichever address it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import MODEL_PORT, Client, wait_until

from llmmonitor_sidecar.shared_page import Slot

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Pod

pytestmark = pytest.mark.root

LISTEN_PORT = 8080


@pytest.mark.parametrize("models_address", ["127.0.0.1", "::", "10.77.0.1"])
def test_wherever_the_model_listens_clients_reach_it(pod: Pod, models_address: str) -> None:
    pod.start_model(models_address)
    sidecar = pod.start_sidecar(
        MODE="listen", LISTEN_PORT=str(LISTEN_PORT), POD_IP="10.77.0.1", HOST_IP="10.0.0.1"
    )
    sidecar.wait_until_reading()

    for address in ("10.77.0.1", "fd77::1"):
        assert Client((address, LISTEN_PORT), pod.outside).post(b"hello") == b"hello"
    assert sidecar.page[Slot.MODEL_NOT_ON_LOOPBACK] == (models_address == "10.77.0.1")
    assert pod.rules() == ""


def test_refused_stays_refused_until_the_model_listens_on_its_one_address(pod: Pod) -> None:
    client = Client(("10.77.0.1", LISTEN_PORT), pod.outside)
    sidecar = pod.start_sidecar(
        MODE="listen", LISTEN_PORT=str(LISTEN_PORT), POD_IP="10.77.0.1", HOST_IP="10.0.0.1"
    )
    wait_until(lambda: sidecar.page[Slot.RELAY_STARTS_TOTAL] and sidecar.page[Slot.HEARTBEAT_NS])
    assert client.refused()

    model = pod.start_model("10.77.0.1", MODEL_PORT)
    sidecar.wait_until_reading()
    assert client.post(b"hello") == b"hello"

    model.end()
    wait_until(client.refused)
