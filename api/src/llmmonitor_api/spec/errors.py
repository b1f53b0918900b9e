"""Validation errors as a person can act on them: object, field, value, limit, way out; one line each."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from llmmonitor_api.spec.model import RULE_ERROR

MAX_VALUE_CHARACTERS: Final = 60

_TEMPLATES: Final = {
    "enum": "is none of the allowed values; choose one of {expected}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "is too small; give {ge} or more",
    "less_than_equal": "is too large; give {le} or less",
    "too_long": "has {actual_length} entries; at most {max_length} are allowed",
    "too_short": "has {actual_length} entries; at least {min_length} are needed",
    "string_too_long": "is too long; at most {max_length} characters are allowed",
    "string_too_short": "is too short; at least {min_length} characters are needed",
    "string_pattern_mismatch": "does not match the pattern {pattern}",
    "string_type": "must be text; write it in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}


def describe(title: str, error: ErrorDetails, model: type[BaseModel]) -> str:
    """One line of the form `LLMMonitor prod/chat: spec.cost.currency: 'usd' does not match …`."""
    path = _path(error["loc"])
    kind, value = error["type"], error.get("input")
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "extra_forbidden":
        text = _unknown_field(error["loc"], model)
    elif kind == "missing":
        text = "is required; give it a value"
    elif kind == RULE_ERROR:
        shown = "" if value is None or isinstance(value, Mapping | list) else f"{_short(value)}: "
        text = shown + error["msg"]
    elif kind in _TEMPLATES:
        text = f"{_short(value)} {_TEMPLATES[kind].format(**context)}"
        if isinstance(value, bool):
            text += "; words like Off and Yes are booleans in YAML unless written in quotes"
    else:
        text = error["msg"].removeprefix("Value error, ")
    return f"{title}: {path}: {text}" if path else f"{title}: {text}"


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        if part == "[key]":
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _short(value: object) -> str:
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def _unknown_field(location: Sequence[int | str], model: type[BaseModel]) -> str:
    """Says what the fields are at that place, and the one that was probably meant."""
    owner: type[BaseModel] | None = model
    for part in location[:-1]:
        if owner is not None and isinstance(part, str):
            owner = _model_of_field(owner, part)
    if owner is None:
        return "is no field here; remove it"
    known = sorted(field.alias or name for name, field in owner.model_fields.items())
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"is no field here; {meant}There are: {', '.join(known)}"


def _model_of_field(owner: type[BaseModel], alias: str) -> type[BaseModel] | None:
    for name, field in owner.model_fields.items():
        if alias in {name, field.alias}:
            return next(_models_within(field.annotation), None)
    return None


def _models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_within(inner)
