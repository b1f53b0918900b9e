"""The bench of drift of texts: the procedures of others, on counts of which it is known what they say."""

from __future__ import annotations

import pytest
from bench.drifting.categories import PEERS, Judge

BASELINE = {0: 84_000 // 2, 1: 84_000 // 4, 2: 84_000 // 4}


@pytest.mark.parametrize("alarms", PEERS.values(), ids=PEERS)
def test_others_are_quiet_where_nothing_moved_and_alarm_where_much_did(alarms: Judge) -> None:
    assert not alarms({0: 250, 1: 125, 2: 125}, BASELINE)
    assert alarms({0: 100, 1: 200, 2: 200}, BASELINE)


@pytest.mark.parametrize(("name", "found"), [("PSI > 0.1", False), ("chi-squared p < .05", True)])
def test_a_test_finds_in_many_words_what_an_index_leaves(name: str, found: bool) -> None:  # noqa: FBT001 - a case
    assert PEERS[name]({0: 10_400, 1: 4_800, 2: 4_800}, BASELINE) is found
