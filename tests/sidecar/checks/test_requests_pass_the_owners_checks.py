"""Each check of `spec.requests` by itself: what passes, what breaks it, and what it says nothing of."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.requests import CHECKS
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.checks import (
    body_schema,
    given_schemas,
    languages,
    overflow,
    parameters,
    roles,
)
from llmmonitor_sidecar.checks.known_parameters import CHAT, COMPLETIONS
from llmmonitor_sidecar.checks.request import Request
from llmmonitor_sidecar.checks.table import checks_of
from llmmonitor_sidecar.detectors.said import Message, Said
from llmmonitor_sidecar.json_schema import Schema, TooLarge
from llmmonitor_sidecar.signals.request_checks import SLICE_NANOSECONDS, RequestChecks

NONE = RequestChecksSetting()
CANARY = "the-canary-is-yellow"
SCHEMA = {"type": "object", "required": ["user"], "properties": {"max_tokens": {"maximum": 100}}}


_NOT_IN_THE_BODY = frozenset({"outcome", "error_type", "prompt_tokens", "engine", "context_tokens"})


def request(path: str = CHAT, *, says: str = "", **more: Any) -> Request:
    known = {name: more.pop(name) for name in list(more) if name in _NOT_IN_THE_BODY}
    messages = (Message(Origin.USER, says),) if says else ()
    return Request(path, json.dumps(more).encode(), messages, **known)


def setting(field: str, *, engine: str, **more: Any) -> Request:
    return Request(CHAT, json.dumps({"messages": [], field: 1, **more}).encode(), engine=engine)


def with_tool(**function: Any) -> Request:
    return request(tools=[{"type": "function", "function": function}])


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([{"role": "user"}, {"role": "system"}], ""),
        ([{"role": "developer"}, {"role": "user"}], "developer"),
        ([{"role": CANARY}], "other"),
        ("no messages", None),
    ],
)
def test_roles(messages: object, found: str | None) -> None:
    assert roles.check(request(messages=messages), RequestChecksSetting(roles=("system", "user"))) == found


def test_roles_are_those_of_a_chat() -> None:
    assert roles.check(request(COMPLETIONS, prompt="x"), RequestChecksSetting(roles=("user",))) is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"user": CANARY, "max_tokens": 7}, ""),
        ({"max_tokens": 7}, "/required"),
        ({"user": CANARY, "max_tokens": 700}, "/properties/max_tokens/maximum"),
    ],
)
def test_a_body_that_breaks_the_owners_schema_is_told_by_the_schemas_words(
    given: dict[str, Any], found: str
) -> None:
    setting = RequestChecksSetting(json_schema=SCHEMA)

    assert body_schema.check(request(**given), setting) == found
    assert body_schema.check(Request(CHAT, b"{"), setting) == "no JSON"


def test_an_owners_schema_that_is_none_is_held_against_nobody() -> None:
    assert body_schema.check(request(), RequestChecksSetting(json_schema={"type": "objekt"})) is None


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time_here() -> None:
    setting = RequestChecksSetting(json_schema={"properties": {"user": {"pattern": "^(a+)+$"}}})

    assert body_schema.check(request(user="a" * 5_000 + "!"), setting) == "/properties/user/pattern"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (with_tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}}}), ""),
        (with_tool(name="f", parameters={"type": "strin"}), "tools"),
        (with_tool(name="f", parameters={"properties": {"a": {"minimum": "1"}}}), "tools"),
        (with_tool(name="f"), None),
        (with_tool(parameters={}), "tools"),
        (request(tools="none"), "tools"),
        (request(tools=[{"type": "web_search_preview"}]), None),
        (request(tools=[{"name": "f", "input_schema": {"type": 7}}]), "tools"),
        (request(response_format={"type": "json_object"}), None),
        (request(response_format={"type": "json_schema", "json_schema": {"schema": {"enum": ["a"]}}}), ""),
        (request(response_format={"type": "json_schema", "json_schema": {}}), "response format"),
        (request(response_format={"type": "json_schema", "json_schema": {"schema": 3}}), "response format"),
        (request(guided_json='{"type": "object"}'), ""),
        (request(guided_json={"required": "name"}), "response format"),
        (request(text={"format": {"type": "json_schema", "schema": {"type": "any"}}}), "response format"),
        (request(format="json"), None),
        (request(messages=[]), None),
    ],
)
def test_schemas_that_requests_bring_along(asked: Request, found: str | None) -> None:
    check = given_schemas.GivenSchemas()

    assert check(asked, NONE) == found
    assert check(asked, NONE) == found, "the same when it is remembered"


def test_schemas_are_remembered_in_bounded_room() -> None:
    check = given_schemas.GivenSchemas()

    for number in range(2 * given_schemas.REMEMBERED):
        check(with_tool(name="f", parameters={"maximum": number}), NONE)

    assert len(check) == given_schemas.REMEMBERED


@pytest.mark.parametrize(
    "schema",
    [{"$schema": []}, {"$schema": {}}, {"$schema": 5}, {"$schema": "http://["}, {"$id": 5}, {"$id": []}],
)
def test_a_schema_whose_names_are_none_is_none(schema: object) -> None:
    assert given_schemas.GivenSchemas()(with_tool(name="f", parameters=schema), NONE) == "tools"


@pytest.mark.parametrize("draft", ["draft-03", "draft-04"])
def test_values_that_cannot_be_sorted_are_told_apart_in_linear_time(draft: str) -> None:
    """Half an hour if each were compared with each."""
    values = [{"a": number} for number in range(30_000)]
    uri = f"http://json-schema.org/{draft}/schema#"
    schema = Schema({"$schema": uri, "enum": values})

    assert schema.valid
    assert not Schema({"$schema": uri, "enum": [*values, {"a": 1}]}).valid
    unique = Schema({"uniqueItems": True})
    assert unique.broken_at([*values, 1, True, [1], [True], "1", None]) is None
    assert unique.broken_at([1, {}, 1.0]) == "/uniqueItems"
    assert unique.broken_at([{"a": [1]}, {"a": [1.0]}]) == "/uniqueItems"


_FEW: dict[str, Any] = {"a": 1}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"type": "object"}}, [_FEW] * 60_000),
        ({"items": {"description": "nothing to check"}}, [1] * 60_000),
        ({"items": {"anyOf": [{"required": ["b"]}, {"maxProperties": 3}]}}, [_FEW] * 600),
        ({"additionalProperties": {"type": "integer"}}, {str(n): n for n in range(2_000)}),
        ({"uniqueItems": True}, [[*range(20_000)], 1]),
        ({"$ref": "#/$defs/all", "$defs": {"all": {"items": {"$ref": "#/$defs/all"}}}}, [[0] * 50] * 50),
    ],
)
def test_a_body_that_would_take_long_is_not_judged(schema: dict[str, Any], value: object) -> None:
    asked = Request(CHAT, json.dumps(value).encode())

    with pytest.raises(TooLarge):
        body_schema.check(asked, RequestChecksSetting(json_schema=schema))

    assert Schema(schema).broken_at(value, sys.maxsize) is None


def test_an_ordinary_conversation_is_judged_whole() -> None:
    message = {"type": "object", "required": ["role"], "properties": {"role": {"enum": ["user"]}}}
    schema = {"properties": {"messages": {"items": message}}}
    said = [{"role": "user", "content": "x"}] * 300

    setting = RequestChecksSetting(json_schema=schema)
    assert body_schema.check(request(messages=said), setting) == ""
    broken = body_schema.check(request(messages=[*said, {}]), setting)
    assert broken == "/properties/messages/items/required"


def test_a_request_of_schemas_without_end_is_not_judged() -> None:
    schema: dict[str, Any] = {"title": "t", "allOf": [{}] * 8_000 + [5]}

    assert given_schemas.GivenSchemas()(with_tool(name="f", parameters=schema), NONE) == ""


@pytest.mark.parametrize(
    "check", [roles.check, given_schemas.GivenSchemas(), body_schema.check, parameters.check]
)
def test_bodies_that_are_no_text_end_no_check(check: Any) -> None:
    body = b'{"messages":[{"role":"\xff"}],"tools":[{"function":{"name":"\xff","parameters":{"a":"\xff"}}}],'
    asked = Request(CHAT, body + b'"max_tokens":"\xff"}', engine="VLLM")

    check(asked, msgspec.structs.replace(NONE, json_schema={"type": "object"}, roles=("user",)))


def test_what_one_request_takes_too_much_others_wait_for() -> None:
    took, totals = [0], Totals()

    def dear(_request: Request, _setting: RequestChecksSetting) -> str:
        took[0] += 3 * SLICE_NANOSECONDS
        return ""

    checks = RequestChecks(totals, lambda: took[0])
    checks.configure(msgspec.structs.replace(NONE, context_overflow=True))
    checks._in_force.checks["contextOverflow"] = dear  # type: ignore[union-attr]  # it is on
    for number in range(3):
        said = Said()
        said.body = b"{}"
        exchange = Exchange(1, number, "POST", CHAT)
        exchange.said, exchange.generates = said, True
        checks.handle(ExchangeEvent(EventKind.ENDED, exchange, 1))

    valid = []
    for _ in range(8):
        checks.work()
        valid.append(totals.requests.valid)

    assert valid == [1, 1, 1, 2, 2, 2, 3, 3]


def test_a_schema_as_deep_as_json_may_be_ends_nothing() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"items": deep}

    assert given_schemas.GivenSchemas()(with_tool(name="f", parameters=deep), NONE) == "tools"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (request(max_tokens=100, prompt_tokens=28, context_tokens=128), ""),
        (request(max_tokens=101, prompt_tokens=28, context_tokens=128), "maximum of tokens"),
        (request(max_completion_tokens=101, prompt_tokens=28, context_tokens=128), "maximum of tokens"),
        (request(prompt_tokens=129, context_tokens=128), "maximum of tokens"),
        (request(max_tokens=10**6, prompt_tokens=28), ""),
        (
            request(outcome=Outcome.CLIENT_ERROR, error_type="context_length_exceeded"),
            "refused by the server",
        ),
        (request(outcome=Outcome.CLIENT_ERROR, error_type="400"), None),
        (request(outcome=Outcome.ABORTED), None),
    ],
)
def test_overflow_of_the_context(asked: Request, found: str | None) -> None:
    assert overflow.check(asked, NONE) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (request(engine="VLLM", messages=[], temperature=0.1, top_k=5, chat_template_kwargs={}), ""),
        (request(engine="VLLM", messages=[], repeat_penalty=1.1), "repeat_penalty"),
        (request(engine="LlamaCpp", messages=[], repeat_penalty=1.1, cache_prompt=True), ""),
        (request(engine="LlamaCpp", messages=[], guided_json={}), "guided_json"),
        (setting(CANARY, engine="SGLang", guided_json={}), "guided_json"),
        (setting(CANARY, engine="SGLang"), "other"),
        (request(engine="VLLM", messages=[], repeat_penalty=None), ""),
        (request(COMPLETIONS, engine="VLLM", prompt="x", messages=[]), "messages"),
        (request("/v1/messages", engine="VLLM", whatever=1), None),
        (request(engine="TGI", whatever=1), None),
        (request(whatever=1), None),
    ],
)
def test_parameters_that_the_engine_does_not_know(asked: Request, found: str | None) -> None:
    assert parameters.check(asked, NONE) == found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the best way to get from the station to the old harbour on foot?", "en"),
        ("Wie komme ich am besten vom Bahnhof zu Fuß in die Altstadt, und ist das weit?", "de"),
        ("Quel est le meilleur chemin de la gare vers le vieux port, et combien de temps faut-il ?", "fr"),
        ("¿Cuál es el mejor camino de la estación al puerto viejo y cuánto se tarda?", "es"),
        (
            "Qual è la strada per andare dalla stazione al porto, e quanto tempo ci vuole con il bus?",
            "it",
        ),
        ("Как лучше всего дойти от вокзала до старого порта и сколько это займёт времени?", "ru"),
        ("Як найкраще дійти від вокзалу до старого порту і скільки це займе часу? Її адреса?", "uk"),  # noqa: RUF001 - their own letters
        ("駅から古い港まで歩いて行くには、どの道が一番いいですか。", "ja"),
        ("从车站步行到老港口的最佳路线是什么？需要多长时间？", "zh"),  # noqa: RUF001 - their own letters
        ("역에서 옛 항구까지 걸어서 가는 가장 좋은 길은 무엇입니까?", "ko"),
        ("ما هو أفضل طريق من المحطة إلى الميناء القديم وكم من الوقت يستغرق؟", "ar"),
        (
            "İstasyondan limana gitmek için en iyi yol nedir ve ne kadar sürer, bir yol var mı?",  # noqa: RUF001 - their own letters
            "tr",
        ),
    ],
)
def test_languages_are_told(text: str, language: str) -> None:
    allowed = RequestChecksSetting(languages=(language,))
    other = RequestChecksSetting(languages=("en" if language != "en" else "ja",))

    assert languages.check(request(says=text), allowed) == ""
    assert languages.check(request(says=text), other)


@pytest.mark.parametrize(
    "text",
    [
        "Ja.",
        "ok thanks",
        "Kraków, Łódź, Gdańsk",
        "for i in range(10):\n    print(i, i ** 2)",
        "```\nder die das und ist nicht ein eine zu den mit auf\n```",
        "https://example.com/der/die/das/und/ist/nicht",
        "Sveiki, kaip sekasi? Norėčiau sužinoti, kada išvyksta traukinys.",
    ],
)
def test_of_too_little_and_of_what_is_not_known_nothing_is_said(text: str) -> None:
    assert languages.check(request(says=text), RequestChecksSetting(languages=("en",))) is None


def test_who_expects_a_language_that_is_not_known_here_is_told_of_no_other() -> None:
    text = "Wie komme ich am besten vom Bahnhof zu Fuß in die Altstadt, und ist das weit?"

    assert languages.check(request(says=text), RequestChecksSetting(languages=("lb",))) is None


def test_the_system_prompt_and_tools_may_be_in_any_language() -> None:
    english = "What is the best way to get from the station to the old harbour on foot?"
    german = "Du bist ein Assistent der Bahn und antwortest auf die Fragen, die dir gestellt werden."
    messages = (Message(Origin.SYSTEM, german), Message(Origin.TOOL, german), Message(Origin.USER, english))

    assert languages.check(Request(CHAT, b"{}", messages), RequestChecksSetting(languages=("en",))) == ""


def test_what_the_setting_asks_for_is_checked_and_nothing_else() -> None:
    every = RequestChecksSetting(
        languages=("en",),
        roles=("user",),
        json_schema={},
        invalid_schemas=True,
        context_overflow=True,
        unknown_parameters=True,
    )

    assert tuple(checks_of(every)) == CHECKS
    assert checks_of(NONE) == {}
    assert [*checks_of(RequestChecksSetting(context_overflow=True))] == ["contextOverflow"]
