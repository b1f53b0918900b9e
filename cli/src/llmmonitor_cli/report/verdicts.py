"""The conditions of a monitor as a report shows them: each with what it means and what to do."""

from __future__ import annotations

from llmmonitor_api.conditions.registry import ConditionType, Role, UnknownConditionError, UnknownReasonError
from llmmonitor_api.conditions.table import condition_type, is_gating
from llmmonitor_api.status import StatusCondition
from llmmonitor_cli.report.document import Tone, Verdict
from llmmonitor_cli.report.gathering.material import Material


def verdicts(material: Material, *names: str) -> tuple[Verdict, ...]:
    """Those of these names that were ever set, or all of them."""
    return tuple(
        _verdict(one, material) for one in material.status.conditions if not names or one.type in names
    )


def tone_of(found: tuple[Verdict, ...]) -> Tone:
    """The worst: False, then Unknown; plain where there is none."""
    tones = {one.tone for one in found}
    return next((tone for tone in (Tone.BAD, Tone.UNKNOWN, Tone.GOOD) if tone in tones), Tone.PLAIN)


def _verdict(one: StatusCondition, material: Material) -> Verdict:
    means, remedy, gating = "", "", False
    try:
        kind: ConditionType = condition_type(one.type)
        means = kind.true_means
        gating = kind.role is Role.SUMMARY or kind.role.counts
        reason = kind.reason(one.reason)
        remedy = reason.remedy
        roles = material.monitor.spec.condition_roles if material.monitor is not None else {}
        gating = kind.role is Role.SUMMARY or is_gating(kind, reason, roles)
    except (UnknownConditionError, UnknownReasonError):
        pass  # of a newer operator: its words stand for themselves
    return Verdict(
        condition=one.type,
        status=one.status.value,
        reason=one.reason,
        message=one.message,
        means=means,
        since=one.last_transition_time.timestamp(),
        gating=gating,
        remedy=remedy if one.status.value != "True" else "",
    )
