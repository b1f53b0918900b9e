"""JSON schemas of others (2020-12 unless they name another draft), made ready once and asked many times.

References are resolved within the schema alone, never fetched, and patterns run on RE2. What breaks a schema
is told by the schema's own words, never by those of the value. Alternatives within alternatives take time
that doubles with each level of the value, which its sender chooses: after so many steps no verdict is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import re2

STEPS_LIMIT = 20_000
"""For a value that is looked at seldom, as a probe's answer: a fifth of a second. Requests have fewer
(`checks.body_schema`)."""
_PLACE_CHARACTERS = 100
_BY_PYTHONS_EXPRESSIONS = b'"patternProperties"', b'"unevaluatedProperties"'
"""Together they have the library match names by Python's own expressions, which a name can keep busy for
ever."""
_OF_EACH_ITEM: Final = frozenset(
    {
        *("items", "additionalItems", "prefixItems", "contains", "unevaluatedItems"),
        *("additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties"),
    }
)
"""Keywords that look at each item of what they are held against."""
_COMPARED_IN_A_STEP: Final = 8
"""Values, at any depth, of which it is told whether they are alike."""
_Keyword = Callable[[Any, Any, Any, Any], Any]


class NoVerdict(Exception):
    """Whether a schema takes a value is not found out."""


class TooLarge(NoVerdict):
    """A value that would take more steps than it may."""


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

        draft = validators.Draft202012Validator
        own = {
            "pattern": pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
            "uniqueItems": _unique_items,
        }
        self._left = 0
        self._in_pythons_words = False
        self._unusable = referencing.exceptions.Unresolvable, re2.error, RecursionError, ValidationError
        try:
            draft = validators.validator_for(schema, draft) if isinstance(schema, dict) else draft
            made = validators.extend(draft, own)
            self.valid = made(draft.META_SCHEMA).is_valid(schema)
            counted = {name: self._counted(name, keyword) for name, keyword in made.VALIDATORS.items()}
            self._validator = validators.extend(made, counted)(schema, registry=referencing.Registry())
            text = msgspec.json.encode(schema)
            self._in_pythons_words = all(word in text for word in _BY_PYTHONS_EXPRESSIONS)
        except Exception:  # noqa: BLE001 - `$schema: []` is a TypeError, `$id: 5` an AttributeError, and so on
            self.valid = False

    def broken_at(self, value: object, steps: int = STEPS_LIMIT) -> str | None:
        """Where in the schema stands what `value` breaks: `/properties/n/maximum`; None: it takes it.

        Args:
            value: as JSON has it.
            steps: that this may take: a keyword held against a part of it is one, and so is each item that a
                keyword looks at. A step takes about ten microseconds.

        Raises:
            TooLarge: it would take more.
            NoVerdict: it takes Python's own expressions.
        """
        if not self.valid:
            return ""
        if self._in_pythons_words:
            raise NoVerdict
        self._left = steps
        try:
            error = next(self._validator.iter_errors(value), None)
        except self._unusable:
            return ""
        if error is None:
            return None
        return "/".join(("", *map(str, error.absolute_schema_path)))[:_PLACE_CHARACTERS]

    def _counted(self, name: str, keyword: _Keyword) -> _Keyword:
        """`keyword` as long as there are steps left."""
        of_each = name in _OF_EACH_ITEM

        def counted(validator: object, value: object, instance: object, schema: object) -> Any:
            self._take(1 + (len(instance) if of_each and isinstance(instance, list | dict) else 0))
            if name == "uniqueItems":
                self._take(_values_in(instance) // _COMPARED_IN_A_STEP)
            return keyword(validator, value, instance, schema)

        return counted

    def _take(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooLarge


def _unique_items(
    _validator: object, unique: object, instance: object, _schema: object
) -> Iterator[Exception]:
    """In linear time: the library compares each with each where they cannot be sorted."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - see above

    if unique and isinstance(instance, list) and len({_hashable(one) for one in instance}) < len(instance):
        yield ValidationError("uniqueItems")


def _values_in(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_values_in, inner))


def _hashable(value: object) -> object:
    """Equal for what JSON Schema calls equal: 1 and 1.0, and not True."""
    if isinstance(value, dict):
        return "object", frozenset((name, _hashable(one)) for name, one in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_hashable, value))
    return ("boolean", value) if isinstance(value, bool) else value


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: object, _schema: object
) -> Iterator[Exception]:
    if isinstance(instance, dict):
        for text, schema in patterns.items():
            for name, value in instance.items():
                if re2.search(text, name) is not None:
                    yield from validator.descend(value, schema, path=name, schema_path=text)


def _additional_properties(
    validator: Any, additional: object, instance: object, schema: dict[str, Any]
) -> Iterator[Exception]:
    """The library's own matches names by Python's expressions."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - see above

    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(re2.search(text, name) for text in patterns):
            continue
        if additional is False:
            yield ValidationError("additionalProperties")
        elif isinstance(additional, dict):
            yield from validator.descend(value, additional, path=name)
