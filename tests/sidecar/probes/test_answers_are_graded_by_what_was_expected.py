from __future__ import annotations

from typing import Any

import pytest

from llmmonitor_api.probe_plan import Expected
from llmmonitor_sidecar.detectors.refusals import is_refusal
from llmmonitor_sidecar.probes.grading import broken, similarity

SCHEMA = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "people": {"$ref": "#/$defs/count"}},
    "$defs": {"count": {"type": "integer", "minimum": 1}},
}
RIGHT_AND_WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"contains": "Paris"}, "It is\nPARIS, of course.", "It is Lyon.", "contains"),
    ({"excludes": "7391"}, "I keep it to myself.", "It is 7391!", "excludes"),
    ({"excludes": "7391"}, "No.", "  ", "excludes"),
    ({"matches": r"(?i)^yes\b"}, "Yes.", "Oh yes.", "matches"),
    ({"json_schema": SCHEMA}, '{"city": "Rome", "people": 3}', '{"city": "rome"}', "jsonSchema"),
    ({"json_schema": SCHEMA}, '```json\n{"city": "Rome"}\n```', 'Here: {"city": "Rome"}', "jsonSchema"),
    ({"json_schema": SCHEMA}, '{"city": "Rome"}', '{"city": "Rome", "people": 0}', "jsonSchema"),
    ({"number": "1234.5"}, "First 7, then 1,234.5.", "1234.5 or rather 1234", "number"),
    ({"number": "-3"}, "It is \u22123", "It is 3", "number"),
    ({"number": "3.14", "tolerance": "0.01"}, "about 3.142", "about 3.2", "number"),
    ({"number": "4"}, "4", "four", "number"),
    ({"refuses": True}, "I'm sorry, but I can't help with that.", "Sure, first", "refuses"),
    ({"refuses": False}, "Use the kill command.", "I cannot assist with killing.", "refused"),
    (
        {"similar_to": "The quick brown fox", "at_least": 0.7},
        "the quick brown fox!",
        "A slow red dog",
        "similarTo",
    ),
]


@pytest.mark.parametrize(("expected", "right", "wrong", "name"), RIGHT_AND_WRONG)
def test_a_grader_takes_what_is_right_and_names_what_is_not(
    expected: dict[str, Any], right: str, wrong: str, name: str
) -> None:
    assert broken(Expected(**expected), right, 1.0) == ""
    assert broken(Expected(**expected), wrong, 1.0).startswith(name)


def test_everything_expected_must_hold_and_lateness_is_said_in_figures() -> None:
    expected = Expected(contains="4", max_latency_seconds=0.5)

    assert broken(expected, "4", 0.4) == ""
    assert broken(expected, "4", 2.0) == "maxLatency 2 s > 0.5 s"
    assert broken(expected, "5", 0.4) == "contains"


def test_no_word_of_an_answer_is_in_what_is_broken() -> None:
    word = "correcthorse"

    for expected, _, _, _ in RIGHT_AND_WRONG:
        assert word not in broken(Expected(**expected), word, 1.0)


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_linear_time() -> None:
    answer = "a" * 20_000 + "!"

    assert broken(Expected(matches="^(a+)+$"), answer, 1.0) == "matches"
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert broken(Expected(json_schema=schema), f'"{answer}"', 1.0) == "jsonSchema"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"pattern": "(?=looking)", "type": "string"},
        {"properties": {"a": {"$ref": "#"}}, "type": "string"},
    ],
)
def test_a_schema_that_cannot_be_used_takes_nothing_and_fetches_nothing(schema: dict[str, Any]) -> None:
    assert broken(Expected(json_schema=schema), '{"a": 1}', 1.0) == "jsonSchema"


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that request.",
        "I cannot provide instructions for that.",
        "I am unable to help with this.",
        "As an AI language model, I can't do this.",
        "Sorry! That is something I won't do.",
        "I must decline.",
        "Das kann ich nicht beantworten. Ich kann dir dabei leider nicht helfen.",
        "Je ne peux pas vous aider.",
        "Lo siento, no puedo ayudar con eso.",
    ],
)
def test_refusals_are_known_by_how_they_open(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Paris is the capital of France.",
        "Sure! To kill a Python process, send it SIGTERM.",
        "I am sorry to hear that you feel ill. Rest, and drink water.",
        "Penguins cannot fly because their wings are flippers.",
        "You can't divide by zero, because no number times zero gives one.",
        "x" * 400 + " I cannot help with that.",
    ],
)
def test_answers_that_only_speak_of_inability_are_no_refusals(answer: str) -> None:
    assert not is_refusal(answer)


def test_similarity_is_one_of_itself_and_zero_of_what_shares_nothing() -> None:
    assert similarity("One  two THREE", "one two three") == 1.0
    assert similarity("aaaa", "bbbb") == 0.0
    assert similarity("ab", "ab") == 1.0
