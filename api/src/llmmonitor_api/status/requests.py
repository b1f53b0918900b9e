"""What the owner's checks made of requests."""

from typing import Annotated

from pydantic import Field

from llmmonitor_api.spec.listmap import by_name
from llmmonitor_api.status.model import Count, Estimate, Label, StatusModel


class RequestCheckStatus(StatusModel):
    """One check within the window."""

    name: Label
    """The check, as spec.requests names it."""
    invalid: Count = 0
    """Requests that break it."""
    checked: Count = 0
    """Requests of which that could be told."""
    mostly: Label | None = None
    """What most of those that break it have: a role, a language, a keyword of the schema, a parameter."""


class RequestsStatus(StatusModel):
    """Requests within the window, by the owner's checks."""

    invalid: Estimate | None = None
    """Those that break any check, as a share of those that were checked."""
    version: Label | None = None
    """The version of the model that they were sent to: counts begin anew with another."""
    too_large: Count = 0
    """Requests not held against spec.requests.jsonSchema: their bodies are too large for it."""
    checks: Annotated[tuple[RequestCheckStatus, ...], Field(max_length=16), by_name("name")] = ()
    """Each check."""
