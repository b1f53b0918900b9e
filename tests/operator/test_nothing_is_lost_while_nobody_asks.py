"""Counters are cumulative and stay in the sidecars: whoever asks next gets all of them, however late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.report.totals import objective_key
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.state import State

HOUR, MONTH = 3600.0, 30 * 86_400.0


def _requests(state: State, seconds: float) -> int:
    return state.count(objective_key("errors", "ErrorRate", ""), seconds).total


@pytest.mark.parametrize("minutes", [1, 10, 45])
def test_a_takeover_after_minutes_without_an_operator_counts_every_request(
    watch: Callable[..., Any], minutes: int
) -> None:
    without_gap, taken_over = watch(), watch()
    one, other = without_gap.replica(), taken_over.replica()
    for _ in range(20):
        for replica, followed in ((one, without_gap), (other, taken_over)):
            replica.serve(10)
            followed.collect([replica])
    checkpoint = encode(taken_over.state).data
    for _ in range(10):  # its last 150 s are in no checkpoint
        for replica, followed in ((one, without_gap), (other, taken_over)):
            replica.serve(7)
            followed.collect([replica])

    for _ in range(minutes * 4):
        one.serve(3)
        without_gap.collect([one])
        other.serve(3)
    taken_over.state = decode(checkpoint)
    taken_over.collect([other], minutes * 60.0)

    every = 20 * 10 + 10 * 7 + minutes * 4 * 3
    assert _requests(without_gap.state, MONTH) == every
    assert _requests(taken_over.state, MONTH) == every
    assert taken_over.state.pods["uid-0"].lost_seconds == 0
    assert taken_over.state.window(2 * HOUR).ended == without_gap.state.window(2 * HOUR).ended
