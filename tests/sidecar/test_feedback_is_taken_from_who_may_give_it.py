"""Given a sidecar on a real socket, when feedback is posted, then it counts or is refused with the reason."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmmonitor_api.configuration import OutcomesSetting
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.signing import ConfigurationVerifier, RequestVerifier
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.endpoints.api import Sources
from llmmonitor_sidecar.endpoints.app import make_app
from llmmonitor_sidecar.endpoints.feedback import BODY_BYTES_LIMIT, BURST, RATE_PER_SECOND, FeedbackDesk
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.signals.live_outcomes import CHANGES_LIMIT, LiveOutcomeCounter

GOOD = {"response_id": "chatcmpl-1", "label": "positive"}
OPEN, GUARDED = OutcomesSetting(), OutcomesSetting(token=True)


def answered(counter: LiveOutcomeCounter, response_id: str, at_ns: int) -> None:
    exchange = Exchange(1, 0, "POST", "/v1/chat/completions", generates=True, response_id=response_id)
    exchange.outcome = Outcome.OK
    counter.handle(ExchangeEvent(EventKind.ENDED, exchange, at_ns), "")


@dataclass
class Desk:
    """A sidecar that has seen some answers."""

    url: str
    session: aiohttp.ClientSession
    totals: Totals

    async def post(self, body: Any = GOOD, **headers: str) -> tuple[int, dict[str, Any], Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(f"{self.url}/v1/feedback", data=data, headers=headers) as response:
            return response.status, await response.json(), response.headers

    async def refused(self) -> dict[str, float]:
        async with self.session.get(f"{self.url}/metrics") as response:
            families = text_string_to_metric_families(await response.text())
        samples = [one for family in families for one in family.samples]
        return {
            one.labels["reason"]: one.value for one in samples if one.labels.get("endpoint") == "feedback"
        }


@asynccontextmanager
async def desk(
    setting: OutcomesSetting | None = OPEN, token: str = "", answers: int = 3
) -> AsyncIterator[Desk]:
    totals = Totals()
    counter = LiveOutcomeCounter(totals)
    counter.configure(OPEN)
    at = FeedbackDesk(counter, token)
    at.configure(setting)
    path = InterceptionState("listen", reading=True)
    sources = Sources(
        current_report=lambda: Report(
            Identity("u", "p", "b", 0.0, 1, "v", 1), 0.0, 0.0, totals, Live(), path
        ),
        apply=lambda _signed: None,
        requests=RequestVerifier({}, "u"),
        configurations=ConfigurationVerifier({}, "u", 0.0),
        feedback=at,
    )
    async with aiohttp.ClientSession() as session, serving(make_app(sources), "127.0.0.1", 0) as port:
        for number in range(answers):
            answered(counter, f"chatcmpl-{number}", time.monotonic_ns())
        yield Desk(f"http://127.0.0.1:{port}", session, totals)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"label": "negative"}, "negative"),
        ({"label": "neutral"}, "neutral"),
        ({"score": 1}, "positive"),
        ({"score": 0.51}, "positive"),
        ({"score": 0.5}, "neutral"),
        ({"score": 0}, "negative"),
    ],
)
async def test_a_score_or_a_label_counts(given: dict[str, Any], verdict: str) -> None:
    async with desk() as at:
        status, said, _ = await at.post({"response_id": "chatcmpl-1", **given})

        assert (status, said) == (200, {"counted": verdict, "replaced": False})
        assert at.totals.live_outcomes.given == {verdict: 1}


@pytest.mark.parametrize(
    ("body", "status", "reason", "words"),
    [
        (b"{", 400, "malformed", "no JSON"),
        (b"\xff\xfe", 400, "malformed", "no JSON"),
        (b"[]", 422, "invalid", "Expected `object`"),
        ({"response_id": "chatcmpl-1"}, 422, "invalid", "either score or label"),
        ({**GOOD, "score": 1}, 422, "invalid", "either score or label"),
        ({"response_id": "chatcmpl-1", "score": 5}, 422, "invalid", "$.score"),
        ({"response_id": "chatcmpl-1", "label": "great"}, 422, "invalid", "$.label"),
        ({"response_id": "", "score": 1}, 422, "invalid", "$.response_id"),
        ({"response_id": "x" * 300, "score": 1}, 422, "invalid", "$.response_id"),
        ({**GOOD, "comment": "it is me, Jane"}, 422, "invalid", "unknown field"),
        (b" " * (BODY_BYTES_LIMIT + 1), 413, "too_large", f"at most {BODY_BYTES_LIMIT} bytes"),
        ({**GOOD, "response_id": "chatcmpl-9"}, 404, "unknown_response", "another replica"),
    ],
)
async def test_what_is_no_feedback_is_refused_with_the_way_out(
    body: Any, status: int, reason: str, words: str
) -> None:
    async with desk() as at:
        found, said, _ = await at.post(body)

        assert (found, said["error"]["reason"]) == (status, reason)
        assert words in said["error"]["message"]
        assert await at.refused() == {reason: 1}
        assert at.totals.live_outcomes.given == {}


async def test_without_outcomes_in_the_spec_no_feedback_is_taken() -> None:
    async with desk(setting=None) as at:
        status, said, _ = await at.post()

        assert (status, said["error"]["reason"]) == (403, "not_asked_for")
        assert "spec.quality.outcomes" in said["error"]["message"]


async def test_where_the_owner_has_a_token_its_bearers_alone_give_feedback() -> None:
    async with desk(GUARDED, token="secret") as at:  # noqa: S106 - a test's
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            status, said, answered_with = await at.post(**headers)
            assert (status, said["error"]["reason"]) == (401, "missing")
            assert answered_with["WWW-Authenticate"] == "Bearer"

        assert (await at.post(Authorization="Bearer secret"))[0] == 200
        assert at.totals.live_outcomes.given == {"positive": 1}


async def test_a_sidecar_that_was_given_no_token_takes_none_rather_than_everybodys() -> None:
    async with desk(GUARDED) as at:
        for bearer in ("Bearer ", "Bearer secret"):
            status, said, _ = await at.post(Authorization=bearer)
            assert (status, said["error"]["reason"]) == (503, "no_token")

        assert at.totals.live_outcomes.given == {}


def test_guesses_by_the_thousand_keep_nobody_from_saying_what_they_know() -> None:
    counter = LiveOutcomeCounter(Totals())
    counter.configure(OPEN)
    at = FeedbackDesk(counter)
    answered(counter, "chatcmpl-1", 1)
    guess = b'{"response_id": "chatcmpl-guessed", "score": 0}'

    statuses = [at.take(guess, 2).status for _ in range(3 * int(BURST))]

    assert statuses.count(404) == BURST
    assert set(statuses[int(BURST) :]) == {429}
    assert at.take(json.dumps(GOOD).encode(), 2).status == 200
    assert at.take(guess, 2 + int(1e9 / RATE_PER_SECOND)).status == 404, "some time later one more"


def test_a_flood_of_one_known_id_keeps_nobody_from_rating_another() -> None:
    counter = LiveOutcomeCounter(Totals())
    counter.configure(OPEN)
    at = FeedbackDesk(counter)
    for name in ("chatcmpl-1", "chatcmpl-2"):
        answered(counter, name, 1)

    flood = json.dumps({"response_id": "chatcmpl-2", "score": 1}).encode()
    statuses = [at.take(flood, 2).status for _ in range(3 * int(BURST))]

    assert statuses.count(200) == CHANGES_LIMIT
    assert at.take(json.dumps(GOOD).encode(), 2).status == 200


@pytest.mark.parametrize("body", [b'{"response_id": "\xff", "score": 1}', b"[" * 2_000, b"\xff"])
def test_bytes_that_are_no_text_are_no_feedback(body: bytes) -> None:
    counter = LiveOutcomeCounter(Totals())
    counter.configure(OPEN)

    assert FeedbackDesk(counter).take(body, 1).status in {400, 422}


def test_a_flood_of_known_ids_is_bounded_too_and_said_to_come_back_later() -> None:
    counter = LiveOutcomeCounter(Totals())
    counter.configure(OPEN)
    at = FeedbackDesk(counter)
    for number in range(int(BURST) + 1):
        answered(counter, f"chatcmpl-{number}", 1)

    answers = [
        at.take(json.dumps({"response_id": f"chatcmpl-{number}", "score": 0}).encode(), 2)
        for number in range(int(BURST) + 1)
    ]

    assert [one.status for one in answers] == [200] * int(BURST) + [429]
    assert answers[-1].headers["Retry-After"] == "1"


async def test_feedback_that_comes_with_the_answers_end_finds_it() -> None:
    counter = LiveOutcomeCounter(Totals())
    counter.configure(OPEN)
    at = FeedbackDesk(counter, read_on=lambda: answered(counter, "chatcmpl-1", 1))

    assert at.take(json.dumps(GOOD).encode(), 2).status == 200
