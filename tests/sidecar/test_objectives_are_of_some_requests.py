"""An objective may be of some models and operations alone: what then counts for it, and what goes on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import (
    ChoiceProgress,
    EventKind,
    Exchange,
    ExchangeEvent,
    Outcome,
    TokenSource,
)
from llmmonitor_sidecar.signals import scope
from llmmonitor_sidecar.signals.objectives import Objectives
from llmmonitor_sidecar.signals.scope import matches

SECOND = 1_000_000_000
MODELS = ("base", "lora-a", "lora-b")
OPERATIONS = ("chat", "text_completion")
SIGNALS: dict[str, float | None] = {
    "TimeToFirstToken": 2.0,
    "TimePerOutputToken": 0.1,
    "RequestDuration": 5.0,
    "ErrorRate": None,
    "TruncationRate": None,
    "AbortRate": None,
    "TimeToFirstContent": 2.0,
    "ChunkGap": 1.0,
    "RequestThroughput": 5.0,
    "OverloadRate": None,
    "TimeoutRate": None,
    "EmptyAnswerRate": None,
    "MalformedAnswerRate": None,
}


@dataclass(frozen=True)
class Told:
    """One request and how it went."""

    model: str
    operation: str
    outcome: Outcome
    first_token: float | None
    """Seconds after the request."""
    lasts: float
    finish: str
    tokens: int


def requests() -> st.SearchStrategy[list[Told]]:
    ended = [one for one in Outcome if one is not Outcome.IN_FLIGHT]
    told = st.builds(
        Told,
        model=st.sampled_from(MODELS),
        operation=st.sampled_from(OPERATIONS),
        outcome=st.sampled_from(ended),
        first_token=st.none() | st.floats(0.1, 4),
        lasts=st.floats(4, 8),
        finish=st.sampled_from(["stop", "length"]),
        tokens=st.integers(2, 60),
    )
    return st.lists(told, max_size=12)


def setting(signal: str, name: str = "o", **scope: tuple[str, ...]) -> ObjectiveSetting:
    threshold = SIGNALS.get(signal)
    return ObjectiveSetting(name, signal, threshold, str(threshold or ""), **scope)


def exchange(number: int, model: str | None = "base", operation: str = "chat", **more: Any) -> Exchange:
    made = Exchange(1, number, "POST", "/v1/x", operation=operation, request_model=model, **more)
    made.generates = operation in OPERATIONS
    made.request_ended_ns = SECOND
    return made


def served(objectives: Objectives, told: Iterable[Told]) -> None:
    """Each is begun, looked at while it runs, and ended."""
    for number, one in enumerate(told):
        request = exchange(number, one.model, one.operation, stream=True)
        objectives.handle(ExchangeEvent(EventKind.REQUEST_ENDED, request, SECOND))
        for moment in sorted({one.first_token or 9.0, 2.5, 3.5, one.lasts - 0.01}):
            at_ns = SECOND + round(moment * SECOND)
            if moment == one.first_token:
                request.first_token_ns = request.last_token_ns = at_ns
                request.first_content_ns = at_ns if one.tokens % 2 else 0
                objectives.handle(ExchangeEvent(EventKind.FIRST_TOKEN, request, at_ns))
            elif moment < one.lasts:
                objectives.tick([request], at_ns)
        request.outcome, request.ended_ns = one.outcome, SECOND + round(one.lasts * SECOND)
        request.finish_reasons = (one.finish,)
        request.longest_gap_ns = one.tokens * SECOND // 30
        request.empty, request.forms = one.tokens % 3 == 0, (("json", one.tokens % 4 > 1),)
        if one.first_token:
            request.completion_tokens, request.completion_token_source = one.tokens, TokenSource.USAGE
            request.choices[0] = ChoiceProgress(
                request.first_token_ns, request.ended_ns, one.tokens, one.tokens, 1
            )
        objectives.handle(ExchangeEvent(EventKind.ENDED, request, request.ended_ns))


def counted(settings: Sequence[ObjectiveSetting], told: Iterable[Told]) -> list[tuple[int, int]]:
    """Good and bad of each objective."""
    totals = Totals()
    objectives = Objectives(totals)
    objectives.configure(settings)
    served(objectives, told)
    return [(totals.objectives[one.key].good, totals.objectives[one.key].bad) for one in settings]


@pytest.mark.parametrize("signal", SIGNALS)
@given(told=requests())
def test_counts_of_filters_that_divide_the_traffic_add_up_to_those_without(
    signal: str, told: list[Told]
) -> None:
    by_model = [setting(signal, f"m{n}", models=models) for n, models in enumerate([("base",), ("lora-*",)])]
    by_operation = [setting(signal, f"o{n}", operations=(one,)) for n, one in enumerate(OPERATIONS)]
    both = [
        setting(signal, f"b{n}", models=(model,), operations=(operation,))
        for n, (model, operation) in enumerate((m, o) for m in MODELS for o in OPERATIONS)
    ]

    whole, *parts = counted([setting(signal), *by_model, *by_operation, *both], told)

    for part in (parts[:2], parts[2:4], parts[4:]):
        assert tuple(map(sum, zip(*part, strict=True))) == whole


@given(
    pattern=st.text("ab*", min_size=1, max_size=8),
    name=st.text("ab", max_size=12),
)
def test_a_star_stands_for_any_text_and_nothing_else_for_anything(pattern: str, name: str) -> None:
    means = ".*".join(re.escape(part) for part in pattern.split("*"))

    assert matches(pattern, name) == bool(re.fullmatch(means, name))


def test_a_dot_is_a_dot() -> None:
    assert matches("Llama-3.1-*", "Llama-3.1-8B")
    assert not matches("Llama-3.1-*", "Llama-3x1-8B")


@pytest.mark.parametrize(
    ("asked_for", "answered_by", "expected"),
    [("lora-a", "base", (1, 0)), ("base", "lora-a", (0, 0)), (None, "lora-a", (1, 0)), (None, None, (0, 0))],
)
def test_the_model_is_the_requests_and_the_answers_only_where_it_names_none(
    asked_for: str | None, answered_by: str | None, expected: tuple[int, int]
) -> None:
    totals = Totals()
    objectives = Objectives(totals)
    objectives.configure([setting("TimeToFirstToken", models=("lora-*",))])
    request = exchange(0, asked_for, stream=True)

    request.first_token_ns = request.request_ended_ns + SECOND
    objectives.handle(ExchangeEvent(EventKind.FIRST_TOKEN, request, request.first_token_ns))
    request.response_model = answered_by
    request.outcome, request.ended_ns = Outcome.OK, 3 * SECOND
    objectives.handle(ExchangeEvent(EventKind.ENDED, request, request.ended_ns))

    (counts,) = totals.objectives.values()
    assert (counts.good, counts.bad) == expected


def test_embeddings_count_where_they_are_asked_for_and_are_bad_while_they_hang() -> None:
    totals = Totals()
    objectives = Objectives(totals)
    named = setting("RequestDuration", "embedding", operations=("embeddings",))
    everything = setting("RequestDuration", "all")
    objectives.configure([named, everything])
    hangs, quick = exchange(0, operation="embeddings"), exchange(1, operation="embeddings")
    other = exchange(2, operation="other")
    for request in (hangs, quick, other):
        objectives.handle(ExchangeEvent(EventKind.REQUEST_ENDED, request, SECOND))

    quick.outcome, quick.ended_ns = Outcome.OK, 2 * SECOND
    objectives.handle(ExchangeEvent(EventKind.ENDED, quick, quick.ended_ns))
    objectives.tick([], 7 * SECOND)

    assert (totals.objectives[named.key].good, totals.objectives[named.key].bad) == (1, 1)
    assert totals.objectives[everything.key].good + totals.objectives[everything.key].bad == 0
    hangs.outcome, hangs.ended_ns = Outcome.OK, 8 * SECOND
    objectives.handle(ExchangeEvent(EventKind.ENDED, hangs, hangs.ended_ns))
    assert (totals.met_objectives, totals.missed_objectives) == (1, 1)


def test_a_refused_connection_is_no_request_for_a_model() -> None:
    totals = Totals()
    objectives = Objectives(totals)
    lora, everything = setting("ErrorRate", models=("lora-a",)), setting("ErrorRate")
    objectives.configure([lora, everything])

    objectives.refused()

    assert (totals.objectives[lora.key].bad, totals.objectives[everything.key].bad) == (0, 1)


def test_another_filter_counts_anew_and_the_others_go_on() -> None:
    totals = Totals()
    objectives = Objectives(totals)
    lora, everything = setting("ErrorRate", "lora", models=("lora-a",)), setting("ErrorRate", "all")
    objectives.configure([lora, everything])
    ok = Told("lora-a", "chat", Outcome.OK, 0.5, 5.0, "stop", 9)
    served(objectives, [ok, replace(ok, model="base")])

    wider = setting("ErrorRate", "lora", models=("lora-*",))
    objectives.configure([wider, everything])

    assert set(totals.objectives) == {wider.key, everything.key}
    assert (totals.objectives[wider.key].good, totals.objectives[everything.key].good) == (0, 2)
    assert totals.objectives[wider.key].models == "lora-*"
    reordered = ObjectiveSetting("two", "ErrorRate", models=("b", "a")).key
    assert reordered == ObjectiveSetting("two", "ErrorRate", models=("a", "b")).key


def test_a_signal_that_it_does_not_know_is_not_in_its_report() -> None:
    totals = Totals()

    Objectives(totals).configure([setting("OfTomorrow"), setting("ErrorRate")])

    assert [counts.signal for counts in totals.objectives.values()] == ["ErrorRate"]


def test_what_was_counted_in_flight_is_not_counted_again_after_a_push() -> None:
    totals = Totals()
    objectives = Objectives(totals)
    slow = setting("RequestDuration")
    objectives.configure([slow])
    request = exchange(0)
    objectives.tick([request], 7 * SECOND)

    objectives.configure([slow, setting("RequestDuration", "lora", models=("lora-a",))])
    objectives.tick([request], 8 * SECOND)

    assert totals.objectives[slow.key].bad == 1


def test_names_that_clients_invent_are_not_kept_without_bound() -> None:
    one = scope.Scope(setting("ErrorRate", models=("lora-*",)))

    for number in range(10_000):
        assert one.admits(exchange(0, f"lora-{number}"))
    assert not one.admits(exchange(0, "lora-" + "x" * 2_000))

    assert len(one._known) <= 256
