"""How long the relay waits for a CPU, and when a child that died is started again: on fake time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmmonitor_sidecar.linux import ScheduleStatistics
from llmmonitor_sidecar.supervisor import restart
from llmmonitor_sidecar.supervisor.children import Child, Death
from llmmonitor_sidecar.supervisor.delay import RunQueueDelay
from llmmonitor_sidecar.supervisor.kept import Kept
from llmmonitor_sidecar.supervisor.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Iterable

MS = 1_000_000
SECOND = 1_000 * MS


def _p99_us(waits: Iterable[tuple[int, int]]) -> int:
    """p99 after intervals of 100 ms, each with (mean wait in ns, turns)."""
    delay, total, turns, now = RunQueueDelay(), 0, 0, 0
    delay.add(ScheduleStatistics(0, 0, 0), 0)
    for wait_ns, slices in waits:
        now += 100 * MS
        total += wait_ns * slices
        turns += slices
        delay.add(ScheduleStatistics(run_ns=0, wait_ns=total, slices=turns), now)
    return delay.p99_us(now)


@pytest.mark.parametrize(
    ("waits", "expected_us"),
    [
        ([], 0),
        ([(0, 0)] * 50, 0),
        ([(2 * MS, 20)] * 50, 2_000),
        ([(1 * MS, 99), (50 * MS, 1)], 1_000),
        ([(1 * MS, 98), (50 * MS, 2)], 50_000),
        ([(90 * MS, 5)] * 10 + [(1 * MS, 5)] * 51, 1_000),
    ],
    ids=["nothing", "idle", "steady", "one in a hundred", "two in a hundred", "forgotten after 5 s"],
)
def test_the_p99_is_over_turns_of_the_last_five_seconds(
    waits: list[tuple[int, int]], expected_us: int
) -> None:
    assert _p99_us(waits) == expected_us


def test_a_vanished_process_has_no_delay() -> None:
    delay = RunQueueDelay()
    delay.add(ScheduleStatistics(0, 0, 0), 0)
    delay.add(None, 100 * MS)
    delay.add(ScheduleStatistics(0, 9 * MS, 1), 200 * MS)

    assert delay.p99_us(200 * MS) == 0


def test_silence_adds_up_over_looks_and_not_over_gaps() -> None:
    silence = Silence(SECOND)

    assert not any(silence.exceeds_limit(7, tick * 100 * MS) for tick in range(11))
    assert silence.exceeds_limit(7, 1_100 * MS)
    assert not silence.exceeds_limit(8, 1_200 * MS)
    assert not silence.exceeds_limit(8, 3_600 * SECOND), "the watcher was frozen"


def test_of_looks_that_are_rarer_by_intent_more_counts() -> None:
    silence = Silence(10 * SECOND)

    assert not any(silence.exceeds_limit(7, look * 5 * SECOND, SECOND) for look in range(11))
    assert silence.exceeds_limit(7, 55 * SECOND, SECOND)


def test_the_first_death_is_answered_at_once_a_crash_loop_more_and_more_slowly() -> None:
    row, waits = restart.Row(), []
    for _ in range(11):
        row = restart.after_death(row, lived_ns=SECOND, now_ns=0, backoff=restart.Backoff())
        waits.append(row.start_at_ns / SECOND)
    assert waits == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]

    row = restart.after_death(row, lived_ns=10 * SECOND, now_ns=7, backoff=restart.Backoff())
    assert row == restart.Row(deaths=1, start_at_ns=7)


def test_a_child_that_was_killed_may_have_a_limit_of_its_own() -> None:
    backoff, row = restart.Backoff(killed_limit_ns=400 * MS), restart.Row()
    for _ in range(11):
        row = restart.after_death(row, lived_ns=0, now_ns=0, backoff=backoff, killed=True)
    assert row.start_at_ns == 400 * MS

    row = restart.after_death(row, lived_ns=0, now_ns=0, backoff=backoff)
    assert row.start_at_ns == 30 * SECOND, "one that ends by itself is in a crash loop"


def test_a_start_that_fails_is_tried_again_later() -> None:
    attempts = []

    def start() -> Child:
        attempts.append(1)
        raise BlockingIOError("no more processes")

    kept = Kept("relay", start, restart.Backoff())

    for now_ns in (0, 0, 100 * MS, 200 * MS):
        kept.start_when_due(now_ns)

    assert len(attempts) == 3
    assert kept.child is None


def test_only_its_own_death_counts() -> None:
    kept = Kept("relay", lambda: Child("relay", pid=7, started_ns=0), restart.Backoff())
    kept.start_when_due(0)

    assert not kept.on_death(Death(pid=8, exit_status=0), SECOND)
    assert kept.child
    assert kept.on_death(Death(pid=7, exit_status=-9), SECOND)
    assert kept.child is None
