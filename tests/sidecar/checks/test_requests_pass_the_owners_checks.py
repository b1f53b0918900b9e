"""Each check of `spec.requests` by itself: what passes, what breaks it, and what it says nothing of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.requests import CHECKS
from llmmonitor_sidecar.analyser.exchange import Outcome
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
from llmmonitor_sidecar.detectors.said import Message

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
