"""Which conditions turn `Healthy`: `spec.roles`, a map from condition to Gating or Advisory.

Its keys are the condition table's, so that a new condition needs no change here.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from llmmonitor_api.conditions import CONDITION_TYPES, Role


class ChosenRole(StrEnum):
    """The roles that an owner may choose."""

    GATING = "Gating"
    ADVISORY = "Advisory"


ADJUSTABLE: Final = tuple(kind for kind in CONDITION_TYPES if kind.role is not Role.SUMMARY)


def _known(name: str) -> str:
    names = [kind.name for kind in ADJUSTABLE]
    if name not in names:
        raise ValueError(f"no condition of this name has a role to choose; there are {', '.join(names)}")
    return name


def _schema() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": None,
        "properties": {
            kind.name: {
                "type": "string",
                "enum": [role.value for role in ChosenRole],
                "description": f"The role of {kind.name} ({kind.role.value} by default): {kind.true_means}",
            }
            for kind in ADJUSTABLE
        },
    }


Roles = Annotated[
    dict[Annotated[str, AfterValidator(_known)], ChosenRole], Field(json_schema_extra=_schema())
]
"""Condition name to role."""
