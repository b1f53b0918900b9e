from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.conftest import Watch

from llmmonitor_operator.reconcile.publish.status_conditions import conditions_of

GOOD = {
    "type": "Ready",
    "status": "True",
    "reason": "Monitoring",
    "message": "2 pods",
    "observedGeneration": 3,
    "lastTransitionTime": "2027-01-15T08:00:00Z",
}


def types(conditions: Any) -> list[str]:
    return [one.type for one in conditions_of({"status": {"conditions": conditions}})]


def test_what_was_written_comes_back_as_it_was(watch: Callable[..., Watch]) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    evaluation = one.gather([replica])

    assert conditions_of({"status": evaluation.status}) == evaluation.conditions


def test_a_new_leader_announces_no_transition_twice(watch: Callable[..., Watch]) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100, outcome="server_error")
    before = one.gather([replica])

    one.state = type(one.state)(conditions=conditions_of({"status": before.status}))
    after = one.gather([replica])

    assert before.transitions
    assert not {change.message for change in after.transitions} & {
        change.message for change in before.transitions
    }
    assert {c.type: c.last_transition_time for c in after.conditions}["Ready"] == {
        c.type: c.last_transition_time for c in before.conditions
    }["Ready"]


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        7,
        "Ready",
        [],
        {},
        {**GOOD, "status": "Perhaps"},
        {**GOOD, "lastTransitionTime": "yesterday"},
        {**GOOD, "lastTransitionTime": "2027-01-15T08:00:00"},
        {**GOOD, "type": "Not a type!"},
        {**GOOD, "observedGeneration": -1},
        {key: value for key, value in GOOD.items() if key != "reason"},
    ],
)
def test_what_is_no_condition_is_passed_over(garbage: Any) -> None:
    healthy = {**GOOD, "type": "Healthy"}

    assert types([garbage, healthy]) == ["Healthy"]


def test_a_condition_of_a_newer_version_is_kept() -> None:
    assert types([{**GOOD, "type": "OfTomorrow", "ofTomorrow": 1}]) == ["OfTomorrow"]


def test_of_two_of_one_type_the_last_counts() -> None:
    (one,) = conditions_of({"status": {"conditions": [GOOD, {**GOOD, "reason": "NoMatchingPods"}]}})

    assert one.reason == "NoMatchingPods"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "conditions"]), inner)
    ),
    max_leaves=10,
)


@given(anything)
def test_no_status_breaks_it(status: Any) -> None:
    conditions_of({"status": status})
    conditions_of({"status": {"conditions": status}})
    conditions_of({})
