"""Over its cap the sidecar ends one of its own processes; new connections reach the model all the while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sidecar.supervisor.conftest import Load, wait_until

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.memory_cap import Grown, Use, grown

if TYPE_CHECKING:
    from tests.sidecar.supervisor.conftest import Loopback

MIB = 1 << 20


@pytest.mark.parametrize(
    ("relay", "analyser", "who"),
    [
        (60, 160, Grown.NOBODY),
        (60, 161, Grown.ANALYSER),
        (10, 4000, Grown.ANALYSER),
        (200, 60, Grown.RELAY),
    ],
)
def test_who_grew_is_ended(relay: int, analyser: int, who: Grown) -> None:
    use = Use(supervisor=10 * MIB, relay=relay * MIB, analyser=analyser * MIB)

    assert grown(use, 256 * MIB) is who


def test_a_grown_analyser_is_ended_and_traffic_does_not_notice(loopback: Loopback) -> None:
    loopback.start_model()
    sidecar = loopback.start_sidecar(MEMORY_CAP_BYTES=str(96 * MIB), TEST_ANALYSER_GROWS_BYTES=str(150 * MIB))
    sidecar.wait_until_reading()

    with Load(loopback.client) as load:
        wait_until(lambda: sidecar.page[Slot.ANALYSER_STARTS_TOTAL] >= 2)

    assert [attempt for attempt in load.attempts if attempt.error] == []
    assert sidecar.page[Slot.RELAY_STARTS_TOTAL] == 1
    assert "analyser killed: the sidecar takes" in sidecar.log
