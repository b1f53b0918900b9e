"""The driver's numbers are of 64 bits, and a report with a longer one than it may have is refused."""

from __future__ import annotations

import msgspec
import pytest

from llmmonitor_api.report.gpus import HARDWARE, XID
from llmmonitor_sidecar.samplers.gpu.xids import LARGEST, XIDCounts


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
def test_numbers_that_no_report_takes_count_as_the_largest(number: int) -> None:
    counts = XIDCounts()
    counts.add(79, 0)
    counts.add(number, 1)
    counts.add(number, 2)

    found = counts.report(2)

    assert [(one.number, one.kind, one.count) for one in found] == [(79, HARDWARE, 1), (LARGEST, HARDWARE, 2)]
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuple[XID, ...]) == found
