from __future__ import annotations

from tests.operator.test_reports_are_absorbed_once import NOW, report

from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.gather.clock import TOLERATED_SECONDS, not_after
from llmmonitor_operator.state import State
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
