from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from llmmonitor_api.conditions import (
    CONDITION_TYPES,
    Condition,
    ConditionType,
    Reason,
    Role,
    Status,
    UnknownConditionError,
    UnknownReasonError,
    condition,
    condition_type,
    effective_role,
    find_condition,
    is_gating,
    set_condition,
    table,
)
from llmmonitor_api.conditions import reasons_monitoring as monitoring
from llmmonitor_api.conditions import reasons_performance as performance
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions.condition import MAX_MESSAGE_CHARACTERS

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
EVERY_REASON = [(kind, reason) for kind in CONDITION_TYPES for reason in kind.reasons]


def _ids(value: object) -> str:
    return value.name if isinstance(value, ConditionType | Reason) else str(value)


@pytest.mark.parametrize("kind", CONDITION_TYPES, ids=_ids)
def test_every_condition_can_be_true_and_can_be_something_else(kind: ConditionType) -> None:
    statuses = {reason.status for reason in kind.reasons}

    assert Status.TRUE in statuses
    assert statuses - {Status.TRUE}


@pytest.mark.parametrize(("kind", "reason"), EVERY_REASON, ids=_ids)
def test_every_reason_is_a_sentence_and_every_false_one_has_a_way_out(
    kind: ConditionType, reason: Reason
) -> None:
    assert reason.name.isalnum()
    assert reason.name[0].isupper()
    assert reason.meaning.endswith(".")
    assert kind.true_means.endswith(".")
    if reason.status is Status.FALSE:
        assert reason.remedy.endswith(".")
    if not reason.gates:
        assert reason.status is Status.UNKNOWN


def test_a_reason_not_configured_not_applicable_not_visible_or_still_learning_never_gates() -> None:
    never = [shared.NOT_CONFIGURED, shared.NOT_APPLICABLE, shared.NOT_VISIBLE, shared.BASELINE_INCOMPLETE]

    for kind in CONDITION_TYPES:
        for reason in never:
            assert not is_gating(kind, reason, {kind.name: Role.GATING})


def test_every_condition_but_the_summary_can_say_not_configured_and_not_applicable() -> None:
    for kind in CONDITION_TYPES:
        if kind is not table.HEALTHY:
            assert kind.reason("NotConfigured") is shared.NOT_CONFIGURED
            assert kind.reason("NotApplicable") is shared.NOT_APPLICABLE


def test_the_summary_can_repeat_every_reason_that_gates_with_the_same_status() -> None:
    for kind in CONDITION_TYPES:
        for reason in kind.reasons:
            if reason.gates and reason.status is not Status.TRUE:
                assert table.HEALTHY.reason(reason.name).status is reason.status


def test_the_spec_may_change_a_role_but_not_the_summarys() -> None:
    roles = {"DriftFree": Role.GATING, "Healthy": Role.ADVISORY}

    assert effective_role(table.DRIFT_FREE, roles) is Role.GATING
    assert effective_role(table.DRIFT_FREE, {}) is Role.ADVISORY
    assert effective_role(table.HEALTHY, roles) is Role.SUMMARY
    assert is_gating(table.PERFORMANCE_HEALTHY, performance.STALLED, {})
    assert not is_gating(
        table.PERFORMANCE_HEALTHY, performance.STALLED, {"PerformanceHealthy": Role.ADVISORY}
    )


def test_no_matching_pods_is_true_for_ready_and_unknown_for_injected() -> None:
    assert table.READY.reason("NoMatchingPods").status is Status.TRUE
    assert table.INJECTED.reason("NoMatchingPods").status is Status.UNKNOWN


def test_an_unknown_name_fails_and_lists_the_known_ones() -> None:
    with pytest.raises(UnknownConditionError, match=r"no condition 'Helthy'; there are: Healthy, Ready"):
        condition_type("Helthy")
    with pytest.raises(UnknownReasonError, match=r"Ready has no reason 'Stalled'; it has: Monitoring"):
        condition(table.READY, performance.STALLED, "")
    with pytest.raises(ValueError, match="NoMatchingPods carries True here, not Unknown"):
        condition(table.READY, shared.NO_MATCHING_PODS, "")


def test_a_table_row_with_a_reason_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="reason given twice: Stalled"):
        ConditionType("X", Role.ADVISORY, "X.", (performance.STALLED, performance.STALLED))


def test_the_transition_time_moves_only_with_the_status() -> None:
    later, latest = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    burning = condition(table.PERFORMANCE_HEALTHY, performance.BURN_RATE_HIGH, "16.2", observed_generation=1)
    stalled = condition(table.PERFORMANCE_HEALTHY, performance.STALLED, "31 s", observed_generation=2)
    well = condition(table.PERFORMANCE_HEALTHY, performance.OBJECTIVES_HOLD, "ok", observed_generation=2)

    first = set_condition((), burning, NOON)
    second = set_condition(first, stalled, later)
    third = set_condition(second, well, latest)

    assert first[0].last_transition_time == NOON.replace(microsecond=0)
    assert second[0].last_transition_time == NOON.replace(microsecond=0)
    assert (second[0].reason, second[0].message, second[0].observed_generation) == ("Stalled", "31 s", 2)
    assert third[0].last_transition_time == latest.replace(microsecond=0)


def test_a_verdict_on_an_older_generation_is_ignored() -> None:
    new = condition(table.READY, monitoring.MONITORING, "", observed_generation=7)
    old = condition(table.READY, monitoring.CONFLICTED, "", observed_generation=6)

    held = set_condition((), new, NOON)

    assert set_condition(held, old, NOON) == held


def test_conditions_stand_in_the_tables_order_and_unknown_ones_are_kept_last() -> None:
    foreign = Condition(type="FromTheFuture", status=Status.TRUE, reason="Yes", message="")
    conditions: tuple[Condition, ...] = (foreign,)

    for kind in reversed(CONDITION_TYPES):
        conditions = set_condition(conditions, condition(kind, kind.reasons[0], "m"), NOON)

    assert [held.type for held in conditions] == [*(kind.name for kind in CONDITION_TYPES), "FromTheFuture"]
    assert find_condition(conditions, table.READY) is not None
    assert find_condition((), table.READY) is None


def test_a_condition_encodes_as_kubernetes_has_it() -> None:
    verdict = condition(table.READY, monitoring.MONITORING, "2 of 2", observed_generation=3)
    at = NOON.astimezone(timezone(timedelta(hours=5)))

    encoded = msgspec.json.encode(set_condition((), verdict, at)[0])

    assert msgspec.json.decode(encoded) == {
        "type": "Ready",
        "status": "True",
        "reason": "Monitoring",
        "message": "2 of 2",
        "observedGeneration": 3,
        "lastTransitionTime": "2026-11-23T12:00:00Z",
    }
    assert msgspec.json.decode(encoded, type=Condition).status is Status.TRUE


def test_a_time_without_a_zone_is_refused_and_a_message_is_cut_at_the_apis_limit() -> None:
    verdict = condition(table.READY, monitoring.MONITORING, "x" * 40_000)

    assert len(verdict.message) == MAX_MESSAGE_CHARACTERS
    assert verdict.message.endswith("x…")
    with pytest.raises(ValueError, match="no time zone"):
        set_condition((), verdict, NOON.replace(tzinfo=None))
