"""Who sends a request chooses what an owner's schema has to look at: it cannot keep the analyser busy."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_sidecar.checks import body_schema
from llmmonitor_sidecar.checks.request import Request
from llmmonitor_sidecar.json_schema import NoVerdict, Schema, TooLarge
from llmmonitor_sidecar.probes.json_form import fulfils

_NESTED = {"properties": {"of": {"$ref": "#/$defs/filter"}}}
FILTER: dict[str, Any] = {
    "$ref": "#/$defs/filter",
    "$defs": {
        "filter": {
            "anyOf": [{**_NESTED, "required": ["all"]}, {**_NESTED, "required": ["any"]}, {"type": "string"}]
        }
    },
}
"""As filters are often written: alternatives that may hold one another."""


def nested(levels: int) -> dict[str, Any]:
    value: Any = "a filter of neither kind"
    for _ in range(levels):
        value = {"of": value}
    return dict(value)


def test_alternatives_within_alternatives_end() -> None:
    """With 12 levels it took a quarter of a minute, with 30 a month."""
    schema = Schema(FILTER)

    with pytest.raises(NoVerdict):
        schema.broken_at(nested(12))

    assert schema.broken_at({"all": [], "of": {"any": [], "of": "x"}}) is None
    assert schema.broken_at(nested(2)) == "/anyOf"


def test_a_request_that_is_too_intricate_is_not_judged() -> None:
    setting = RequestChecksSetting(json_schema=FILTER)

    def found(body: object) -> str | None:
        return body_schema.check(Request("/v1/chat/completions", msgspec.json.encode(body)), setting)

    with pytest.raises(TooLarge):
        found(nested(12))

    assert found(nested(2)) == "/anyOf"


def test_an_answer_that_is_too_intricate_does_not_fulfil_a_schema() -> None:
    assert not fulfils(msgspec.json.encode(nested(12)).decode(), FILTER)


def test_names_are_matched_by_re2_alone() -> None:
    """In RE2 `[[:digit:]]` is a digit, in Python it is a bracket or a letter, and then a bracket."""
    schema = Schema(
        {"patternProperties": {"^[[:digit:]]+$": {"type": "string"}}, "additionalProperties": False}
    )

    assert schema.broken_at({"12": "a"}) is None
    assert schema.broken_at({"12": "a", "b": 1}) == "/additionalProperties"
    others = Schema({"properties": {"a": {}}, "additionalProperties": {"type": "string"}})
    assert others.broken_at({"a": 1, "b": "x"}) is None
    assert others.broken_at({"a": 1, "b": 2}) == "/additionalProperties/type"


def test_what_the_library_would_match_by_pythons_expressions_gets_no_verdict() -> None:
    schema = Schema({"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False})

    assert schema.valid
    with pytest.raises(NoVerdict):
        schema.broken_at({"aa": 1})
