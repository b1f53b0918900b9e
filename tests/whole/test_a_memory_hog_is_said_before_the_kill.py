"""From samples of a process that fills its memory to the condition, by the clockwork of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.operator.conftest import Replica, Watch, monitor_with

from llmmonitor_api.report.report import InterceptionState, Resources
from llmmonitor_operator.evaluate import memory_forecast
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS
from llmmonitor_sidecar.samplers.memory_trend import MemoryGrowth

SECOND = 10**9
MIB = 1 << 20
LIMIT = 2048 * MIB
LISTENING = InterceptionState("transparent", reading=True, model_listening=True)
LOADING = InterceptionState("transparent", reading=True, model_listening=False)


class Pulled:
    """A model sampled every second, whose sidecar is pulled as the operator does."""

    def __init__(self, held: Callable[[int], int], interception: InterceptionState = LISTENING) -> None:
        self._held = held
        self._watch = Watch(monitor_with())
        self._replica: Replica = self._watch.replica()
        self._replica.interception = interception

    def until(self, end: int, first_pull: int) -> Iterator[tuple[int, str, str]]:
        """When it was pulled, and what ResourcesHealthy then said: reason and message."""
        growth, due, pulled_at = MemoryGrowth(), float(first_pull), 0
        for second in range(end):
            held = self._held(second)
            growth.add(second * SECOND, held)
            if second < due:
                continue
            self._replica.resources = Resources(
                processes_visible=True,
                memory_used_bytes=held,
                memory_limit_bytes=LIMIT,
                memory_held_bytes=held,
                memory_trends=growth.trends(),
            )
            result = self._watch.gather([self._replica], second - pulled_at)
            pulled_at = second
            one = next(one for one in result.conditions if one.type == "ResourcesHealthy")
            yield second, one.reason, one.message
            interval = self._watch.monitor.spec.sampling.report_interval.total_seconds()
            report = self._replica.report(self._watch.now)
            hurry = memory_forecast.may_fill_within(interval, report, 0.9)
            due = second + (LOOK_AGAIN_SECONDS if hurry else interval)

    def first_warning(self, end: int, first_pull: int = 0) -> tuple[int, str] | None:
        return next(
            (
                (second, message)
                for second, reason, message in self.until(end, first_pull)
                if reason == "MemoryNearLimit"
            ),
            None,
        )


def hog(begin: int, *, left: int, per_second: float) -> Callable[[int], int]:
    return lambda second: LIMIT - left + round(max(0, second - begin) * per_second)


@pytest.mark.parametrize("phase", range(15))
def test_a_fast_one_at_any_moment_of_the_pull_interval(phase: int) -> None:
    """500 MiB at 20 MiB/s are full in 25 s: by its share alone it would be seen in the last ten at best."""
    begin = 30
    killed_at = begin + 25

    warned = Pulled(hog(begin, left=500 * MIB, per_second=20 * MIB)).first_warning(killed_at, phase)

    assert warned is not None
    at, message = warned
    assert killed_at - at >= 7, f"said {killed_at - at} s before the kill"
    assert "MiB/s over 8 s (n=8)" in message


def test_a_slow_one_is_said_minutes_before_with_its_interval() -> None:
    def leak(second: int) -> int:
        return LIMIT - 600 * MIB + second * MIB + (second % 10) * 100_000

    warned = Pulled(leak).first_warning(600)

    assert warned is not None
    at, message = warned
    assert 100 <= 600 - at <= 480
    assert "growing 1 MiB/s over 2 min (n=120)" in message
    assert message.startswith("chat-0: memory 7")
    assert "reaches the limit in 8 min (7.8" in message


@pytest.mark.parametrize(
    ("held", "interception", "end"),
    [
        pytest.param(hog(5, left=2000 * MIB, per_second=60 * MIB), LOADING, 30, id="weights are loaded"),
        pytest.param(lambda second: LIMIT // 10 + second * 4 * MIB, LISTENING, 200, id="much room is left"),
        pytest.param(lambda second: 1200 * MIB + second % 9 * 50 * MIB, LISTENING, 400, id="garbage"),
        pytest.param(lambda second: (1500 if second > 40 else 1100) * MIB, LISTENING, 400, id="one step"),
        pytest.param(lambda second: 1700 * MIB + second * 20_000, LISTENING, 400, id="hours from the limit"),
    ],
)
@pytest.mark.parametrize("phase", [3, 11])
def test_what_else_moves_memory_is_no_alarm(
    held: Callable[[int], int], interception: InterceptionState, end: int, phase: int
) -> None:
    assert Pulled(held, interception).first_warning(end, phase) is None
