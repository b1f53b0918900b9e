"""Healthy, the summary: False when a gating condition is, Unknown only when a gating one is, else True.

What is not judged (not configured, not applicable, not visible, still learning) never turns it; it is listed.
"""

from __future__ import annotations

from llmmonitor_api.conditions import Status, condition_type, is_gating, table
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict

_WORST_FIRST = (
    table.PERFORMANCE_HEALTHY.name,
    table.RESOURCES_HEALTHY.name,
    table.INTERACTIONS_SAFE.name,
    table.QUALITY_HEALTHY.name,
)
"""What the model's users feel comes first; the others follow in the table's order."""


def judge(inputs: Inputs) -> Verdict:
    """By the verdicts on all other conditions, after `spec.roles`."""
    gating = {
        name: verdict
        for name, verdict in inputs.verdicts.items()
        if is_gating(condition_type(name), verdict.reason, inputs.settings.roles)
    }
    not_judged: dict[str, list[str]] = {}
    for name, verdict in inputs.verdicts.items():
        if verdict.reason.status is Status.UNKNOWN and name not in gating:
            not_judged.setdefault(verdict.reason.name, []).append(name)
    groups = [f"{', '.join(names)} ({reason})" for reason, names in not_judged.items()]
    trailer = [f"not judged: {', '.join(groups)}"] if groups else []
    for status in (Status.FALSE, Status.UNKNOWN):
        found = sorted((name for name in gating if gating[name].reason.status is status), key=_rank)
        if found:
            texts = [f"{name}={status}: {gating[name].message}" for name in found]
            return Verdict(gating[found[0]].reason, "; ".join(texts + trailer))
    if not gating:
        return Verdict(reasons.NOTHING_JUDGED, "; ".join(trailer))
    return Verdict(reasons.ALL_HOLD, "; ".join([f"{', '.join(gating)} hold", *trailer]))


def _rank(name: str) -> int:
    return _WORST_FIRST.index(name) if name in _WORST_FIRST else len(_WORST_FIRST)
