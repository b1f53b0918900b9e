"""`status.requests`: how many requests of the window break the owner's checks, and which."""

from __future__ import annotations

from llmmonitor_api.status import Estimate, RequestCheckStatus, RequestsStatus
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.requests import standing_of


def request_status(inputs: Inputs) -> RequestsStatus | None:
    """None where nothing is checked, or was yet."""
    if not inputs.settings.requests.checks:
        return None
    standing = standing_of(inputs)
    whole = standing.whole
    if not whole.total:
        return None
    low, high = wording.wilson_interval(whole.bad, whole.total)
    return RequestsStatus(
        invalid=Estimate(value=whole.bad / whole.total, low=low, high=high, count=whole.total),
        version=standing.version.name if standing.version is not None else None,
        too_large=standing.too_large,
        checks=tuple(
            RequestCheckStatus(
                name=name,
                invalid=one.bad,
                checked=one.total,
                mostly=(standing.details[name] or None) if one.bad else None,
            )
            for name, one in standing.checks.items()
        ),
    )
