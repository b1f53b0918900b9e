"""`status.versions`: the versions that ran, and what is said of the newest beside another."""

from __future__ import annotations

from llmmonitor_api.conditions import Condition, table
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.status import VersionStatus, VersionVerdict
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.versions.history import compared

_VERDICTS = {
    reasons.BETTER.name: VersionVerdict.BETTER,
    reasons.WORSE.name: VersionVerdict.WORSE,
    reasons.NO_DIFFERENCE.name: VersionVerdict.NO_DIFFERENCE,
    reasons.INCONCLUSIVE.name: VersionVerdict.INCONCLUSIVE,
    reasons.CONFOUNDED_BY_TIME.name: VersionVerdict.CONFOUNDED_BY_TIME,
}
_NAME_LIMIT, _MESSAGE_LIMIT = 256, 1024


def version_status(inputs: Inputs, conditions: tuple[Condition, ...]) -> tuple[VersionStatus, ...]:
    """The newest first."""
    history = inputs.state.versions
    pair = compared(history)
    judged = next((one for one in conditions if one.type == table.VERSIONS_COMPARABLE.name), None)
    found = []
    for one in reversed(history.versions):
        status = VersionStatus(
            name=one.name[:_NAME_LIMIT],
            first_seen=wording.instant(one.first_seen),
            last_seen=wording.instant(one.last_seen),
            pods=sum(name == one.name for name in history.running.values()),
            requests=one.requests,
        )
        if pair is not None and judged is not None and one is pair[1] and judged.reason in _VERDICTS:
            status = status.model_copy(
                update={
                    "compared_with": pair[0].name[:_NAME_LIMIT],
                    "verdict": _VERDICTS[judged.reason],
                    "message": judged.message[:_MESSAGE_LIMIT],
                }
            )
        found.append(status)
    return tuple(found)
