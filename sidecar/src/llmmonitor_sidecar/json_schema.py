"""JSON schemas of others (2020-12 unless they name another draft), made ready once and asked many times.

References are resolved within the schema alone, never fetched, and patterns run on RE2. What breaks a schema
is told by the schema's own words, never by those of the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import re2

_PLACE_CHARACTERS = 100


class Schema:
    """A schema made ready.

    Attributes:
        valid: whether it is a schema at all; one that is none takes nothing.
    """

    def __init__(self, schema: object) -> None:
        # large, and most monitors have no schema
        import referencing  # noqa: PLC0415
        from jsonschema import validators  # noqa: PLC0415
        from jsonschema.exceptions import ValidationError  # noqa: PLC0415

        def pattern(_validator: object, text: str, instance: object, _schema: object) -> Iterator[Exception]:
            if isinstance(instance, str) and re2.search(text, instance) is None:
                yield ValidationError("pattern")

        default = validators.Draft202012Validator
        draft = validators.validator_for(schema, default=default) if isinstance(schema, dict) else default
        own = {"pattern": pattern, "patternProperties": _pattern_properties}
        self._unusable = referencing.exceptions.Unresolvable, re2.error, RecursionError, ValidationError
        try:
            self.valid = draft(draft.META_SCHEMA).is_valid(schema)
            self._validator = validators.extend(draft, own)(schema, registry=referencing.Registry())
        except self._unusable:
            self.valid = False

    def broken_at(self, value: object) -> str | None:
        """Where in the schema stands what `value` breaks: `/properties/n/maximum`; None: it takes it."""
        if not self.valid:
            return ""
        try:
            error = next(self._validator.iter_errors(value), None)
        except self._unusable:
            return ""
        if error is None:
            return None
        return "/".join(("", *map(str, error.absolute_schema_path)))[:_PLACE_CHARACTERS]


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: object, _schema: object
) -> Iterator[Exception]:
    if isinstance(instance, dict):
        for text, schema in patterns.items():
            for name, value in instance.items():
                if re2.search(text, name) is not None:
                    yield from validator.descend(value, schema, path=name, schema_path=text)
