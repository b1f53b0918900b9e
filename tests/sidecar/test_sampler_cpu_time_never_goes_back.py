from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_sidecar.samplers.cgroups import CgroupFigures
from llmmonitor_sidecar.samplers.cpu_account import CpuAccount, CpuTimes, ProcessKey
from llmmonitor_sidecar.samplers.rates import LastMinute

SECOND = 10**9


@dataclass
class Machine:
    """Processes that work, have children, exit and are waited for or not."""

    own: dict[int, int] = field(default_factory=lambda: {0: 0})
    waited: dict[int, int] = field(default_factory=lambda: {0: 0})
    parent: dict[int, int] = field(default_factory=dict)
    truth: int = 0
    _pids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def work(self, which: int) -> None:
        pid = sorted(self.own)[which % len(self.own)]
        self.own[pid] += 1
        self.truth += 1

    def fork(self, which: int) -> None:
        parent = sorted(self.own)[which % len(self.own)]
        pid = next(self._pids)
        self.own[pid], self.waited[pid], self.parent[pid] = 0, 0, parent

    def exit(self, which: int, *, waited_for: bool) -> None:
        leaves = sorted(set(self.own) - set(self.parent.values()) - {0})
        if not leaves:
            return
        pid = leaves[which % len(leaves)]
        if waited_for:
            self.waited[self.parent[pid]] += self.own[pid] + self.waited[pid]
        for table in (self.own, self.waited, self.parent):
            del table[pid]

    def look(self) -> list[tuple[ProcessKey, CpuTimes]]:
        return [((pid, 0.0), CpuTimes(own, self.waited[pid])) for pid, own in sorted(self.own.items())]


steps = st.lists(
    st.tuples(st.sampled_from(["work", "work", "fork", "exit", "vanish", "look"]), st.integers(0, 9)),
    max_size=60,
)


@given(steps)
def test_cpu_time_only_grows_and_is_never_more_than_was_used(steps: list[tuple[str, int]]) -> None:
    machine, account, before = Machine(), CpuAccount(), 0.0
    for step, which in [*steps, ("look", 0)]:
        if step == "work":
            machine.work(which)
        elif step == "fork":
            machine.fork(which)
        elif step in ("exit", "vanish"):
            machine.exit(which, waited_for=step == "exit")
        else:
            seconds = account.update(machine.look())
            assert before <= seconds <= machine.truth
            before = seconds


def test_a_child_that_was_waited_for_counts_once() -> None:
    account = CpuAccount()
    account.update([((1, 0.0), CpuTimes(10)), ((2, 0.0), CpuTimes(5))])

    assert account.update([((1, 0.0), CpuTimes(11, 6))]) == 17


def test_a_child_nobody_waited_for_still_counts() -> None:
    account = CpuAccount()
    account.update([((1, 0.0), CpuTimes(10)), ((2, 0.0), CpuTimes(5))])

    assert account.update([((1, 0.0), CpuTimes(11))]) == 16


def test_what_a_grandchild_used_is_not_lost_with_the_child_that_waited_for_it() -> None:
    account = CpuAccount()
    account.update([((1, 0.0), CpuTimes(10)), ((2, 0.0), CpuTimes(1, 5))])

    assert account.update([((1, 0.0), CpuTimes(10))]) == 16


def test_a_pid_that_is_used_again_is_another_process() -> None:
    account = CpuAccount()
    account.update([((2, 100.0), CpuTimes(5))])

    assert account.update([((2, 200.0), CpuTimes(1))]) == 6


def test_a_restarted_model_counts_on() -> None:
    account = CpuAccount()
    account.update([((1, 0.0), CpuTimes(10))])
    account.restart()

    assert account.update([((7, 0.0), CpuTimes(2))]) == 12


def test_rates_are_of_the_last_minute() -> None:
    minute = LastMinute()
    assert minute.cores_used() is None
    for second in range(200):
        busy = 1.0 if second < 100 else 3.0
        minute.add(
            second * SECOND,
            busy * second,
            CgroupFigures(cpu_periods=10 * second, cpu_throttled_periods=second),
        )

    assert minute.cores_used() == pytest.approx(3.0)
    assert minute.throttled_share() == pytest.approx(0.1)


def test_a_slow_sampler_still_has_a_rate() -> None:
    minute = LastMinute()
    minute.add(0, 0.0, CgroupFigures())
    minute.add(300 * SECOND, 150.0, CgroupFigures())

    assert minute.cores_used() == pytest.approx(0.5)
    assert minute.throttled_share() is None


def test_an_idle_minute_is_not_throttled() -> None:
    minute = LastMinute()
    for second in range(3):
        minute.add(second * SECOND, 0.0, CgroupFigures(cpu_periods=7, cpu_throttled_periods=3))

    assert minute.throttled_share() == 0.0
