"""The shared page: written by a child, read by its parent, in named slots that cannot collide."""

import os
import warnings

import pytest

from llmmonitor_sidecar.shared_page import SharedPage, Slot


def test_what_a_child_writes_its_parent_reads() -> None:
    page = SharedPage()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # 3.12+: the test runner has threads, we need none
        child = os.fork()
    if child == 0:
        page[Slot.HEARTBEAT_NS] = (1 << 64) - 1
        page.add(Slot.ACCEPTED_TOTAL, 3)
        os._exit(0)

    os.waitpid(child, 0)

    assert page[Slot.HEARTBEAT_NS] == (1 << 64) - 1
    assert page[Slot.ACCEPTED_TOTAL] == 3


def test_every_slot_begins_at_zero_and_fits_the_page() -> None:
    page = SharedPage()

    assert all(page[slot] == 0 for slot in Slot)


def test_a_value_that_does_not_fit_is_refused() -> None:
    page = SharedPage()

    with pytest.raises(ValueError, match="invalid value"):
        page[Slot.BYTES_TO_MODEL_TOTAL] = -1
