"""What a valid request is: `spec.requests`, judged by DataValid. Nothing is checked until asked for."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Duration, Percentage
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import as_set, distinct
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import Flag
from llmmonitor_api.spec.probes import JsonSchema, MessageRole

LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$", max_length=3)]
"""ISO 639."""


class RequestChecks(SpecModel):
    """The owner's checks of incoming requests."""

    languages: Annotated[tuple[LanguageCode, ...], Field(max_length=50), as_set()] = ()
    """The languages expected (ISO 639); any when empty."""
    roles: Annotated[tuple[MessageRole, ...], Field(max_length=5), as_set()] = ()
    """The roles that messages may have; any when empty."""
    json_schema: JsonSchema | None = None
    """A JSON schema that the request's body must fulfil."""
    invalid_schemas: Flag = False
    """Whether a request with a JSON schema (of tools, of the answer) that is none counts as invalid."""
    context_overflow: Flag = False
    """Whether a request longer than the model's context counts as invalid."""
    unknown_parameters: Flag = False
    """Whether a request with parameters that the engine does not know counts as invalid."""
    max_invalid_rate: Percentage = Decimal("0.01")
    """Invalid requests, as a share of those that were checked; judged by its lower 95 % bound."""
    window: Annotated[Duration, within(timedelta(minutes=5), timedelta(days=7))] = timedelta(hours=1)
    """The time that the share is of; from 5m to 7d. A new version of the model begins it anew."""

    rules: ClassVar[tuple[Rule, ...]] = (distinct("languages"), distinct("roles"))

    @property
    def configured(self) -> bool:
        """Whether anything is checked."""
        return bool(
            self.languages
            or self.roles
            or self.json_schema is not None
            or self.invalid_schemas
            or self.context_overflow
            or self.unknown_parameters
        )
