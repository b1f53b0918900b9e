"""What requests and answers look like: counted by bucket once answered, and nothing of their text."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.sidecar.test_output_for_programs_is_looked_at import whole
from tests.sidecar.test_traffic_is_counted_by_the_fields_definitions import answered

from llmmonitor_api.report.features import (
    CATEGORIES_LIMIT,
    COMPLETION_TOKENS,
    FINISH_REASON,
    OTHER,
    PARAMETER_NAMES,
    PARAMETERS,
    PROMPT_TOKENS,
    STRATA_LIMIT,
    TURNS,
    FeatureCounts,
    bucket_of,
    stratum_of,
)
from llmmonitor_api.spec.drift import DriftFeature
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome, TokenSource
from llmmonitor_sidecar.signals.features import Features

CANARY = "the-canary-is-yellow"


def counted(*exchanges: Exchange) -> FeatureCounts:
    counts = FeatureCounts()
    features = Features(counts)
    for exchange in exchanges:
        for kind in EventKind:
            features.handle(ExchangeEvent(kind, exchange, exchange.ended_ns))
    return counts


def asked(**request: Any) -> Exchange:
    """An answered chat request."""
    return whole({"content": CANARY}, {"model": "m", **request})


def names(code: int | None) -> set[str]:
    assert code is not None
    return {name for place, name in enumerate(PARAMETER_NAMES) if code >> place & 1}


def test_an_answered_request_counts_once_in_every_feature() -> None:
    exchange = answered(tokens=700)
    exchange.turns, exchange.parameters = 3, 5

    counts = counted(exchange, exchange)

    assert counts.requests == 2
    assert counts.counts == {
        TURNS: {bucket_of(3): 2},
        PARAMETERS: {5: 2},
        FINISH_REASON: {0: 2},
        PROMPT_TOKENS: {bucket_of(7): 2},
        COMPLETION_TOKENS: {bucket_of(700): 2},
    }
    assert counts.completions == {stratum_of("chat", 7): {bucket_of(700): 2}}


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.OK])
def test_what_was_not_answered_is_no_drift(outcome: Outcome) -> None:
    exchange = answered()
    exchange.outcome = outcome

    assert counted(exchange) == FeatureCounts()


def test_tokens_that_were_only_counted_are_left_out() -> None:
    counts = counted(answered(source=TokenSource.COUNTED))

    assert counts.requests == 1
    assert counts.counts.keys() == {FINISH_REASON}
    assert counts.completions == {}


@pytest.mark.parametrize(
    ("request_", "parameters"),
    [
        ({}, set()),
        ({"temperature": 0, "max_tokens": 5}, {"temperature", "max_tokens"}),
        ({"max_completion_tokens": 5, "stop_sequences": ["x"]}, {"max_tokens", "stop"}),
        ({"tools": [{"type": "function"}], "stream": True}, {"tools", "stream"}),
        ({"stream": False, "seed": None, "tools": []}, set()),
        ({"presence_penalty": 1, "repetition_penalty": 2, "logprobs": True}, {"penalties", "logprobs"}),
        ({"temperature": "hot", "messages": "none"}, {"temperature"}),
    ],
)
def test_parameters_count_by_which_are_set(request_: dict[str, Any], parameters: set[str]) -> None:
    assert names(asked(**request_).parameters) == parameters


def test_turns_are_the_messages_of_a_request() -> None:
    messages = [{"role": "user", "content": CANARY}, {"role": "assistant", "content": [{"text": CANARY}]}]

    assert asked(messages=messages).turns == 2
    assert asked(prompt=CANARY).turns == 0


def test_nothing_of_the_text_is_in_the_counts() -> None:
    exchange = asked(messages=[{"role": "user", "content": CANARY}], stop=CANARY, temperature=0.123456)

    encoded = msgspec.json.encode(counted(exchange)).decode()

    assert json.loads(encoded)["requests"] == 1
    assert CANARY not in encoded
    assert "123456" not in encoded


def test_inventive_clients_fill_no_memory() -> None:
    exchanges = []
    for number in range(4096):
        exchange = answered(tokens=number)
        exchange.parameters, exchange.operation = number, f"operation-{number}"
        exchange.prompt_tokens, exchange.turns = 2 ** (number % 40), number
        exchanges.append(exchange)

    counts = counted(*exchanges)

    assert len(counts.counts[PARAMETERS]) == CATEGORIES_LIMIT + 1
    assert counts.counts[PARAMETERS][OTHER] == 4096 - CATEGORIES_LIMIT
    assert len(counts.completions) <= STRATA_LIMIT
    assert all(
        sum(buckets.values()) == counts.requests for name, buckets in counts.counts.items() if name != TURNS
    )


def test_features_have_the_specs_names() -> None:
    counts = counted(asked(messages=[{"role": "user"}]), answered())

    assert counts.counts.keys() <= {one.value for one in DriftFeature}
