"""The conditions that an object's own status carries.

At a takeover they are truer than a checkpoint's, which may be minutes old: with them no transition is
announced twice and no lastTransitionTime moves back.
"""

from __future__ import annotations

from pydantic import ValidationError

from llmmonitor_api.conditions import Condition
from llmmonitor_api.status import StatusCondition
from llmmonitor_operator.kube.raw import Raw


def conditions_of(raw_monitor: Raw) -> tuple[Condition, ...]:
    """Those that this version can read, in the order they stand; of two of one type the last."""
    status = raw_monitor.get("status")
    entries = status.get("conditions") if isinstance(status, dict) else None
    found: dict[str, Condition] = {}
    for entry in entries if isinstance(entries, list) else []:
        try:
            one = StatusCondition.model_validate(entry)
        except ValidationError:
            continue
        if one.last_transition_time.tzinfo is not None:
            found[one.type] = one.to_condition()
    return tuple(found.values())
