"""A pass asks what a monitor's spec means again and again: of the same object the answer is the same one."""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace

from tests.operator.conftest import monitor_with

from llmmonitor_operator.configure import configuration_for, settings_for
from llmmonitor_operator.once import once_for_each


@dataclass(frozen=True)
class Spec:
    limit: int


def test_of_one_object_it_is_derived_once_and_of_a_changed_one_anew() -> None:
    asked: list[int] = []

    @once_for_each
    def doubled(spec: Spec) -> int:
        asked.append(spec.limit)
        return 2 * spec.limit

    spec = Spec(3)
    changed = replace(spec, limit=5)

    assert [doubled(one) for one in (spec, spec, changed, spec)] == [6, 6, 10, 6]
    assert asked == [3, 5]


def test_what_takes_the_place_of_an_object_that_is_gone_is_not_taken_for_it() -> None:
    @once_for_each
    def limit(spec: Spec) -> int:
        return spec.limit

    for number in range(1000):  # CPython puts the next one where the one before was
        assert limit(Spec(number)) == number
    gc.collect()


def test_a_changed_spec_is_judged_by_what_it_says_now() -> None:
    before, after = monitor_with(holdFor="5m"), monitor_with(holdFor="10m")

    assert settings_for(before) is settings_for(before)
    assert configuration_for(before) is configuration_for(before)
    assert [settings_for(one).hold_for_seconds for one in (before, after)] == [300.0, 600.0]
