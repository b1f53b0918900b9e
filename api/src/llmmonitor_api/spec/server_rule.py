"""What the API server is to check of a single value, in CEL, where no keyword of a schema can say it.

`model.Rule` is for what must hold between fields; here are rules on one of them. All that they use was in CEL
before Kubernetes 1.30, the oldest that the chart takes (its functions on networks are newer). A rule's
estimated cost grows with the longest text and list that the schema allows, and has a budget.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

RULES = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class ServerRule:
    """An annotation of a field's type: the rule in CEL, with `self` the value, and what it says if broken."""

    cel: str
    message: str
    """What is wrong and the way out; the API server puts the field and the value before it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The field's schema with this rule."""
        found = handler(schema)
        return {**found, RULES: [*found.get(RULES, []), {"rule": self.cel, "message": self.message}]}


@dataclass(frozen=True, slots=True)
class Check(ServerRule):
    """The same with its Python half, so that both give one verdict and one message."""

    holds: Callable[[Any], bool]
    written: Callable[[Any], str]
    """The value as a person writes it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The field's reader with this check after it."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        if not self.holds(value):
            raise ValueError(f"{self.written(value)} {self.message}")
        return value
