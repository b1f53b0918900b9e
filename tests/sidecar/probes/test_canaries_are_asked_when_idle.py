"""Canaries: one token each, marked as probes, when nothing is in flight; kept are hashes and numbers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.sidecar.probes.conftest import NOW, Beside, Model, plan

from llmmonitor_api.report.canaries import CanaryRound, distance
from llmmonitor_api.report.report import Engine, Live
from llmmonitor_api.signing.probe_mark import HEADER
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.probes.canary import rounds
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS

Make = Callable[..., Awaitable[Beside]]
SOON, HOUR = rounds.SOON_SECONDS, 3600.0
CANARY = "the-canary-is-yellow"
PLAN = plan(canaries=True, seed="a", version="v1")


class Likely(Model):
    """Gives likelihoods, shifted by so much; or none, or refuses to."""

    shift = 0.0
    gives = True
    refuses = False

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.refuses and body.get("logprobs"):
            return web.json_response({"error": CANARY}, status=400)
        answer = await super().answer(request)
        if not (self.gives and body.get("logprobs")):
            return answer
        whole: dict[str, Any] = json.loads(answer.body or b"")  # type: ignore[arg-type]  # it is bytes
        top = [{"token": f"{CANARY}{n}", "logprob": -1.0 - n + self.shift * (n == 1)} for n in range(10)]
        whole["choices"][0]["logprobs"] = {"content": [{"token": CANARY, "top_logprobs": top}]}
        return web.Response(text=json.dumps(whole), content_type="application/json")


@pytest.fixture
async def likely(beside: Make) -> Beside:
    one = await beside(kind=Likely, says=lambda _q: CANARY)
    one.prober.configure(PLAN)
    return one


async def asked(one: Beside, now: float) -> int:
    """How many canaries go out."""
    async with model_session() as session:
        for number in range(100):
            if not await one.prober.step_canaries(session, now):
                return number
    return 100


def last(one: Beside) -> CanaryRound:
    said = one.prober.standing.probing.canaries
    assert said is not None
    return said


async def test_a_round_asks_each_prompt_for_one_token_greedily_and_marked(likely: Beside) -> None:
    assert await asked(likely, NOW) == len(PROMPTS)

    assert [body["messages"][0]["content"] for body in likely.model.asked] == list(PROMPTS)
    for body, headers in zip(likely.model.asked, likely.model.headers, strict=True):
        assert (body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == (
            1,
            0,
            True,
            10,
        )
        assert likely.marks.is_ours(headers[HEADER], NOW)
    assert likely.on_air == [1, -1] * len(PROMPTS)
    counts = likely.prober.standing.counts
    assert (counts.answered, counts.completion_tokens) == (len(PROMPTS), 5 * len(PROMPTS))
    assert (last(likely).asked_at, len(last(likely).prints)) == (NOW, len(PROMPTS))


async def test_nothing_that_was_said_is_in_what_is_reported(likely: Beside) -> None:
    await asked(likely, NOW)

    assert CANARY not in repr(likely.prober.standing.probing)
    hashes = last(likely).prints[0].tokens
    likely.prober.configure(plan(canaries=True, seed="b", version="v2"))
    await asked(likely, NOW + 1)
    assert not {*hashes} & {*last(likely).prints[0].tokens}, "two monitors' cannot be matched"


async def test_three_rounds_come_soon_and_then_one_with_the_schedule(likely: Beside) -> None:
    at = [0.0, SOON - 1, SOON, 2 * SOON, 3 * SOON, 2 * SOON + HOUR - 1, 2 * SOON + HOUR]

    assert [await asked(likely, NOW + seconds) // len(PROMPTS) for seconds in at] == [1, 0, 1, 1, 0, 0, 1]


async def test_a_round_that_differs_is_soon_followed_by_another(likely: Beside) -> None:
    for number in range(3):
        await asked(likely, NOW + number * SOON)
    before = last(likely)
    later = NOW + 2 * SOON + HOUR
    likely.model.shift = 0.7  # type: ignore[attr-defined]  # it is a Likely

    await asked(likely, later)

    apart = distance(before.prints, last(likely).prints)
    assert apart is not None
    assert apart > rounds.WORTH_ANOTHER
    assert await asked(likely, later + SOON) == len(PROMPTS)
    assert await asked(likely, later + 2 * SOON) == 0


async def test_another_version_is_asked_at_once(likely: Beside) -> None:
    await asked(likely, NOW)

    likely.prober.configure(plan(canaries=True, seed="a", version="v2"))

    assert await asked(likely, NOW + 1) == len(PROMPTS)
    assert last(likely).plan_version == "v2"


@pytest.mark.parametrize("how", ["passes over it", "refuses"])
async def test_of_a_server_without_likelihoods_the_beginning_of_answers_is_kept_as_a_hash(
    likely: Beside, how: str
) -> None:
    likely.model.gives, likely.model.refuses = False, how == "refuses"  # type: ignore[attr-defined]

    await asked(likely, NOW)

    said = last(likely).prints
    assert {(len(one.tokens), one.logprobs) for one in said} == {(1, ())}
    assert "logprobs" not in likely.model.asked[-1]
    assert await asked(likely, NOW + SOON) == len(PROMPTS), "not asked for likelihoods again"


async def test_a_round_waits_for_a_moment_with_nothing_in_flight_but_not_for_ever(likely: Beside) -> None:
    await asked(likely, NOW)
    likely.around = replace(likely.around, live=Live(in_flight=1))
    due = NOW + SOON

    assert await asked(likely, due) == 0
    assert await asked(likely, due + rounds.PATIENCE_SECONDS) == len(PROMPTS)


async def test_nothing_is_asked_of_a_busy_engine_nor_without_consent_nor_beyond_the_budget(
    likely: Beside,
) -> None:
    likely.around = replace(likely.around, engine=Engine("vLLM", "1", "m", running=3, waiting=2))
    assert await asked(likely, NOW) == 0
    likely.around = replace(likely.around, engine=Engine("vLLM", "1", "m", running=0, waiting=0))
    for without in (
        plan(version="v1"),
        plan(canaries=True, of=0),
        plan(canaries=True, tokens_per_day=50),
        None,
    ):
        likely.prober.configure(without)
        assert await asked(likely, NOW) == 0


async def test_a_clock_that_was_a_year_ahead_is_not_waited_for(likely: Beside) -> None:
    await asked(likely, NOW + 365 * 24 * HOUR)

    assert await asked(likely, NOW) == 0
    assert await asked(likely, NOW + SOON) == len(PROMPTS)


async def test_no_answer_is_tried_again_later(likely: Beside) -> None:
    likely.model.status = 500
    assert await asked(likely, NOW) == 1

    likely.model.status = 200

    assert await asked(likely, NOW + 1) == 0
    assert await asked(likely, NOW + SOON) == len(PROMPTS)
