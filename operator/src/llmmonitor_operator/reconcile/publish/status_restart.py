"""The progress of a restart that an object's own status carries: whoever leads now goes on from there."""

from __future__ import annotations

from pydantic import ValidationError

from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.kube.raw import Raw, mapping


def restart_of(raw_monitor: Raw) -> RestartStatus | None:
    """The progress; None where there is none, or none that this version can read."""
    found = mapping(mapping(raw_monitor.get("status")).get("pods")).get("restart")
    try:
        return RestartStatus.model_validate(found) if found else None
    except ValidationError:
        return None
