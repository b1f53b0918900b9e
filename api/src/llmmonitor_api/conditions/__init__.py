"""Everything a monitor can say about itself: condition types, their reasons, and the one setter.

`registry` holds the kinds of fact, `reasons_*` hold the facts (one constant each), `table` lists the
condition types in the order people read them, `condition` is the value that goes into
`status.conditions` and the setter that owns its times. docs/conditions.md, the CRD's texts and the tests
derive from these constants; nothing else spells a condition's type or reason. Needs no third-party package
but msgspec, so that every member may import it.

Use:

    from llmmonitor_api.conditions import condition, set_condition, table
    from llmmonitor_api.conditions import reasons_performance as why

    verdict = condition(table.PERFORMANCE_HEALTHY, why.STALLED, "no token for 31 s …", observed_generation=4)
    conditions = set_condition(conditions, verdict, now)
"""

from llmmonitor_api.conditions.condition import (
    Condition,
    condition,
    find_condition,
    set_condition,
    set_conditions,
)
from llmmonitor_api.conditions.registry import (
    ConditionType,
    Reason,
    Role,
    Status,
    UnknownConditionError,
    UnknownReasonError,
)
from llmmonitor_api.conditions.table import CONDITION_TYPES, condition_type, effective_role, is_gating

__all__ = [
    "CONDITION_TYPES",
    "Condition",
    "ConditionType",
    "Reason",
    "Role",
    "Status",
    "UnknownConditionError",
    "UnknownReasonError",
    "condition",
    "condition_type",
    "effective_role",
    "find_condition",
    "is_gating",
    "set_condition",
    "set_conditions",
]
