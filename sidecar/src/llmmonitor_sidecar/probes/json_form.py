"""Whether an answer, read as JSON, fulfils a schema (JSON Schema 2020-12 unless it names another draft).

The schema is the owner's and the answer the model's: references are resolved within the schema alone, never
fetched, and patterns run on RE2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import re2

_FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def fulfils(answer: str, schema: dict[str, Any]) -> bool:
    """Whether the answer is JSON, alone or in one fence of Markdown, and the schema takes it.

    A schema that is none takes nothing.
    """
    fenced = _FENCE.match(answer)
    try:
        value = msgspec.json.decode((fenced[1] if fenced else answer).strip())
    except (msgspec.MsgspecError, RecursionError):
        return False
    return _takes(schema, value)


def _takes(schema: dict[str, Any], value: object) -> bool:
    # large, and most monitors have no schema
    import referencing  # noqa: PLC0415
    from jsonschema import validators  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError, ValidationError  # noqa: PLC0415

    def pattern(_validator: object, text: str, instance: object, _schema: object) -> Iterator[Exception]:
        if isinstance(instance, str) and re2.search(text, instance) is None:
            yield ValidationError("pattern")

    draft = validators.validator_for(schema, default=validators.Draft202012Validator)
    checker = validators.extend(draft, {"pattern": pattern, "patternProperties": _pattern_properties})
    try:
        draft.check_schema(schema)
        return bool(checker(schema, registry=referencing.Registry()).is_valid(value))
    except (SchemaError, referencing.exceptions.Unresolvable, re2.error, RecursionError):
        return False


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: object, _schema: object
) -> Iterator[Exception]:
    if isinstance(instance, dict):
        for text, schema in patterns.items():
            for name, value in instance.items():
                if re2.search(text, name) is not None:
                    yield from validator.descend(value, schema, path=name, schema_path=text)
