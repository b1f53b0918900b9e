from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_operator.windows import (
    COUNT_TIERS,
    FIGURE_TIERS,
    Count,
    Tier,
    spread,
    tier_for,
    within,
    without_old,
)

MINUTE = Tier(60, 360)
BEGIN = 1_800_000_000.0  # where a minute begins, and an hour


@given(
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.floats(0, 6 * 3600),
    st.floats(0, 120),
    st.sampled_from(COUNT_TIERS[1:]),
)
def test_what_is_shared_out_adds_up(good: int, bad: int, length: float, offset: float, tier: Tier) -> None:
    begin = BEGIN + offset
    shares = list(spread(Count(good, bad), begin, begin + length, tier))

    assert (
        sum((count for _, count in shares), Count()) == Count(good, bad) or length > tier.reach_seconds - 60
    )
    assert all(tier.index(begin) <= index <= tier.index(begin + length) for index, _ in shares)


def test_events_are_shared_out_evenly_and_the_last_cell_takes_the_rest() -> None:
    shares = dict(spread(Count(10, 3), BEGIN + 30, BEGIN + 180, MINUTE))

    first = MINUTE.index(BEGIN)
    assert shares == {first: Count(2, 0), first + 1: Count(4, 1), first + 2: Count(4, 2)}


def test_what_happened_before_a_tier_reaches_back_is_not_kept_in_it() -> None:
    tier = Tier(60, 10)

    shares = list(spread(Count(1000, 0), BEGIN, BEGIN + 5999, tier))

    assert sum(count.good for _, count in shares) == pytest.approx(100, abs=1)
    assert len(shares) == 10


@pytest.mark.parametrize(("end", "cells"), [(BEGIN + 600, 11), (BEGIN + 629, 11), (BEGIN + 631, 10)])
def test_a_cell_belongs_to_a_window_when_its_middle_does(end: float, cells: int) -> None:
    every = {MINUTE.index(BEGIN) + n: 1 for n in range(-60, 11)}  # the last one has just begun

    assert sum(within(every, MINUTE, 600, end)) == cells


def test_the_finest_tier_that_reaches_back_far_enough_is_read() -> None:
    assert [tier_for(COUNT_TIERS, seconds) for seconds in (30, 900, 901, 21_600, 3 * 86_400)] == [
        0,
        0,
        1,
        1,
        2,
    ]
    assert tier_for(COUNT_TIERS, 90 * 86_400) == 3
    assert tier_for(FIGURE_TIERS, 365 * 86_400) == len(FIGURE_TIERS) - 1


@pytest.mark.parametrize("tiers", [COUNT_TIERS, FIGURE_TIERS])
def test_every_tier_is_coarser_and_reaches_further_than_the_one_before(tiers: tuple[Tier, ...]) -> None:
    for finer, coarser in pairwise(tiers):
        assert finer.cell_seconds < coarser.cell_seconds
        assert finer.reach_seconds < coarser.reach_seconds


def test_old_cells_are_dropped() -> None:
    last = MINUTE.index(BEGIN)

    assert without_old({last - 360: 1, last - 359: 2, last: 3}, MINUTE, BEGIN) == {last - 359: 2, last: 3}
