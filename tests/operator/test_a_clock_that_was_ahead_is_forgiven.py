from __future__ import annotations

import pytest
from tests.operator.test_reports_are_absorbed_once import NOW, report

from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.gather.clock import TOLERATED_SECONDS, not_after
from llmmonitor_operator.state import Source, State
from llmmonitor_operator.windows import Count

YEAR = 365 * 86_400.0


def _ahead(seconds: float = YEAR) -> State:
    """Two reports as they were, then one of a minute in which sidecar and operator were ahead."""
    state = absorb(absorb(State(), report(1), NOW + 15), report(2), NOW + 30)
    return absorb(state, report(3, at=NOW + seconds), NOW + seconds)


def test_what_comes_after_it_was_put_right_counts_again() -> None:
    state = not_after(_ahead(), NOW + 60)

    state = absorb(state, report(4, bad=7), NOW + 75)

    assert state.count("o", 60).bad == 7
    assert state.newest_at == NOW + 60
    assert state.window(60).begun > 0


def test_nothing_is_later_than_now() -> None:
    state = not_after(_ahead(), NOW + 60)

    assert state.newest_at == NOW + 60
    assert state.events_at == {"o": NOW + 60}
    assert all(boot.at <= NOW + 60 for pod in state.pods.values() for boot in pod.boots)


def test_what_happened_meanwhile_stays_and_is_counted_as_now() -> None:
    ahead = _ahead(3600.0)

    state = not_after(ahead, NOW + 60)

    assert state.count("o", 7200) == ahead.count("o", 7200) == Count(30, 0)
    assert state.window(7200).begun == ahead.window(7200).begun


def test_an_hour_that_turns_out_to_lie_in_the_future_is_no_burst() -> None:
    state, at = State(), NOW
    for sequence in range(1, 241):
        at = NOW + 15 * sequence
        state = absorb(state, report(sequence, at=at), at)

    put_back = not_after(state, NOW)

    assert put_back.count("o", 3600) == state.count("o", 3600)
    assert put_back.count("o", 300) == state.count("o", 300)


def test_a_clock_that_is_right_changes_nothing() -> None:
    state = absorb(State(), report(1), NOW + 15)

    assert not_after(state, NOW + 15 - TOLERATED_SECONDS) is state


@pytest.mark.parametrize("ahead", [3_600.0, YEAR])
def test_a_life_that_began_by_a_clock_that_was_ahead_gives_way_to_the_next(ahead: float) -> None:
    """The sidecar's clock is put back, it dies, and its successor begins before it by what they say."""
    state = absorb(State(), report(1, started_at=NOW + ahead), NOW + 15)
    state = absorb(state, report(2, at=NOW + 30, started_at=NOW + ahead), NOW + 30)

    state = absorb(state, report(1, boot="b2", started_at=NOW + 40), NOW + 55)

    assert newest(state).boot_id == "b2"
    assert state.window(3_600).begun == 30


def test_a_life_that_began_by_a_clock_that_was_put_back_is_heard_once_it_is_right() -> None:
    state = absorb(State(), report(1), NOW + 15)
    behind = report(1, boot="b2", started_at=NOW - 3_000)
    state = absorb(state, behind, NOW + 60)
    assert newest(state).boot_id == "b"

    state = absorb(state, report(9, boot="b2", started_at=NOW - 3_000, at=NOW + 120), NOW + 120)
    state = absorb(state, report(10, boot="b2", started_at=NOW - 3_000, at=NOW + 135), NOW + 135)

    assert (newest(state).boot_id, newest(state).at) == ("b2", NOW + 135)
    assert state.window(3_600).begun == 10 + 100


def test_lives_of_a_cluster_that_was_ahead_give_way_too() -> None:
    state = absorb(State(), report(1, started_at=NOW + YEAR), NOW + YEAR + 15)

    state = absorb(not_after(state, NOW + 60), report(1, boot="b2", started_at=NOW + 70), NOW + 85)

    assert newest(state).boot_id == "b2"


def newest(state: State) -> Source:
    [pod] = state.pods.values()
    assert pod.newest is not None
    return pod.newest
