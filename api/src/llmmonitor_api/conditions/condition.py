"""One condition as it stands in `status.conditions`, and the only function that puts it there.

`set_condition` owns lastTransitionTime (it moves only when the status does) and observedGeneration (it
never goes back), as `meta.SetStatusCondition` of Kubernetes and cert-manager's setter do. Whoever evaluates
makes a `Condition` without a time; the time is `now`, an argument.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from llmmonitor_api.conditions.registry import ConditionType, Reason, Status
from llmmonitor_api.conditions.table import CONDITION_TYPES
from llmmonitor_api.shortened import shortened

MAX_MESSAGE_CHARACTERS: Final = 32_768
"""As metav1.Condition limits it."""

_ORDER: Final = {kind.name: place for place, kind in enumerate(CONDITION_TYPES)}


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A condition as Kubernetes' metav1.Condition has it; encodes to that JSON.

    Attributes:
        type: a name out of the condition table.
        status: True, False or Unknown.
        reason: a name that the condition type knows.
        message: numbers, limit, window and sample size, for a person.
        observed_generation: `metadata.generation` of the spec that was judged (0 without a cluster).
        last_transition_time: when the status last changed, in whole seconds; None until it is set.
    """

    type: str
    status: Status
    reason: str
    message: str
    observed_generation: int = 0
    last_transition_time: datetime | None = None


def condition(
    kind: ConditionType, reason: Reason, message: str, *, observed_generation: int = 0
) -> Condition:
    """The verdict that `kind` has by `reason`; the reason brings the status.

    A message beyond the API's limit is cut and ends with an ellipsis.

    Raises:
        UnknownReasonError: `reason` is none of the type's.
        ValueError: another reason of the same name is the type's.
    """
    known = kind.reason(reason.name)
    if known.status is not reason.status:
        raise ValueError(
            f"condition {kind.name}: reason {reason.name} carries {known.status} here, not {reason.status}; "
            "give the constant that the condition table lists"
        )
    message = shortened(message, MAX_MESSAGE_CHARACTERS)
    return Condition(
        type=kind.name,
        status=reason.status,
        reason=reason.name,
        message=message,
        observed_generation=observed_generation,
    )


def find_condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of that type, None if it was never set."""
    return next((held for held in conditions if held.type == kind.name), None)


def set_condition(conditions: Iterable[Condition], new: Condition, now: datetime) -> tuple[Condition, ...]:
    """`conditions` with `new` in it, as `set_conditions` does it."""
    return set_conditions(conditions, (new,), now)


def set_conditions(
    conditions: Iterable[Condition], news: Iterable[Condition], now: datetime
) -> tuple[Condition, ...]:
    """`conditions` with `news` in it, in the table's order (unknown types, of a newer version, last).

    `last_transition_time` becomes `now` (in whole seconds, UTC) when the type is new or its status changed,
    else the old one stays. A verdict on an older generation than the one held is ignored.

    Raises:
        ValueError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("set_conditions: now has no time zone; give an aware datetime")
    moment = now.astimezone(UTC).replace(microsecond=0)
    held = {old.type: old for old in conditions}
    for new in news:
        old = held.get(new.type)
        if old is None or new.observed_generation >= old.observed_generation:
            changed = old is None or old.status != new.status or old.last_transition_time is None
            since = moment if old is None or changed else old.last_transition_time
            held[new.type] = msgspec.structs.replace(new, last_transition_time=since)
    return tuple(sorted(held.values(), key=lambda one: _ORDER.get(one.type, len(_ORDER))))
