from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from tests.operator.full_state import NOW, full_conditions, full_state

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_operator.checkpoint import BYTES_LIMIT, decode, encode
from llmmonitor_operator.condition_history import (
    STEPS_LIMIT,
    TYPES_LIMIT,
    WORDS_LIMIT,
    ConditionHistory,
    Step,
    with_steps,
)
from llmmonitor_operator.packing import pack, unpack
from llmmonitor_operator.state import State


def condition(status: Status, at: float, kind: str = "Healthy", message: str = "") -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason="Reason",
        message=message,
        last_transition_time=datetime.fromtimestamp(int(at), UTC),
    )


def flapped(times: int) -> ConditionHistory:
    history, before = ConditionHistory(), condition(Status.TRUE, 0)
    for n in range(1, times):
        after = condition(Status.FALSE if n % 2 else Status.TRUE, n)
        history, before = with_steps(history, (before,), (after,)), after
    return history


def test_a_change_of_status_is_a_step_with_its_time_and_reason(watch: Callable[..., Any]) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)
    one.gather([replica])
    well = one.now

    replica.serve(100, outcome="server_error")
    one.gather([replica])

    last = one.state.condition_history.steps["PerformanceHealthy"][-1]
    judged = next(each for each in one.state.conditions if each.type == "PerformanceHealthy")
    assert (last.status, last.reason) == (Status.FALSE, "BurnRateHigh")
    assert last.at > well - 1
    assert last.words == judged.message[:WORDS_LIMIT]


def test_nothing_is_added_while_nothing_changes() -> None:
    before = condition(Status.TRUE, 10)
    history = with_steps(ConditionHistory(), (), (before,))

    assert with_steps(history, (before,), (condition(Status.TRUE, 10, message="other words"),)) is history


def test_an_older_checkpoint_begins_with_what_its_conditions_were() -> None:
    before, after = condition(Status.TRUE, 10), condition(Status.FALSE, 500)

    history = with_steps(ConditionHistory(), (before,), (after,))

    assert history.steps["Healthy"] == (Step(10, Status.TRUE, "Reason"), Step(500, Status.FALSE, "Reason"))


def test_after_a_takeover_what_the_object_says_of_meanwhile_counts() -> None:
    saved = with_steps(ConditionHistory(), (), (condition(Status.TRUE, 10),))
    on_the_object = condition(Status.FALSE, 300)

    history = with_steps(saved, (on_the_object,), (condition(Status.TRUE, 900),))

    assert [(one.at, one.status.value) for one in history.steps["Healthy"]] == [
        (10, "True"),
        (300, "False"),
        (900, "True"),
    ]


def test_one_that_flaps_keeps_its_newest_steps_and_the_number_of_the_others() -> None:
    history = flapped(STEPS_LIMIT + 25)

    steps = history.steps["Healthy"]
    assert len(steps) == STEPS_LIMIT
    assert steps[-1].at == STEPS_LIMIT + 24
    assert history.dropped == {"Healthy": 25}


def test_a_clock_that_was_ahead_holds_no_later_step_back() -> None:
    ahead = with_steps(ConditionHistory(), (), (condition(Status.FALSE, NOW + 3e7),))

    history = with_steps(ahead, (), (condition(Status.TRUE, NOW),))

    assert [one.at for one in history.steps["Healthy"]] == [NOW, NOW]


def test_an_object_full_of_invented_conditions_takes_no_more_room() -> None:
    many = [condition(Status.TRUE, 1, kind=f"Invented{chr(65 + n)}") for n in range(50)]

    assert len(with_steps(ConditionHistory(), many, ()).steps) == TYPES_LIMIT


def test_the_largest_history_comes_back_and_makes_room_for_error_budgets() -> None:
    history = full_conditions(random.Random(2))
    crowded = msgspec.structs.replace(full_state(objectives=20, replicas=60), condition_history=history)

    alone, among = encode(State(condition_history=history)), encode(crowded)

    assert decode(alone.data).condition_history == history
    assert len(alone.data) < BYTES_LIMIT / 2
    back = decode(among.data)
    assert back.counts[2] == crowded.counts[2]
    assert {kind: many + 1 for kind, many in back.condition_history.dropped.items()} == {
        kind: history.dropped[kind] + len(steps) for kind, steps in history.steps.items()
    }


def test_without_room_the_newest_step_comes_again_from_the_condition_itself() -> None:
    now = condition(Status.TRUE, STEPS_LIMIT + 24)
    state = State(conditions=(now,), condition_history=flapped(STEPS_LIMIT + 25))

    small = decode(encode(state, limit=600).data)
    again = with_steps(small.condition_history, small.conditions, small.conditions)

    assert again.steps == {"Healthy": (Step(STEPS_LIMIT + 24, Status.TRUE, "Reason"),)}
    assert again.dropped == {"Healthy": STEPS_LIMIT + 24}


def test_a_checkpoint_from_before_there_was_a_history_is_read() -> None:
    state = State(newest_at=NOW)
    schema, layout, plain = msgspec.msgpack.decode(zlib.decompress(encode(state).data), ext_hook=unpack)
    del plain["condition_history"]

    assert decode(zlib.compress(msgspec.msgpack.encode((schema, layout, pack(plain))))) == state
