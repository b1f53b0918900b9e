"""Given a server that answers what nobody can use, then the probe has no verdict, and all else goes on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.sidecar.probes.conftest import NOW, Beside, Model, plan, setting

from llmmonitor_api.probe_plan import EndpointSetting
from llmmonitor_api.report.canaries import CanaryRound
from llmmonitor_api.report.probing import Probing
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS

Make = Callable[..., Awaitable[Beside]]
LATE = NOW + 600.0
NONSENSE = (
    b'{"choices":[{"message":{"content":"\xff\xfe"}}]}',
    b'{"choices":[{"message":{"content":"\\ud800"}}]}',
    b"[" * 100_000,
    b'{"choices":[{"message":{"content":{"a":[1]}}}]}',
    b'{"choices":[{"message":{},"logprobs":{"content":[{"top_logprobs":[{"token":"a","logprob":NaN}]}]}}]}',
    b'{"choices":[]}',
    b"",
)


@dataclass
class Raw(Model):
    """Answers with these bytes."""

    body: bytes = b""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.Response(body=self.body, content_type="application/json")


def counted(one: Beside) -> Probing:
    """As a reader takes it."""
    return msgspec.json.decode(msgspec.json.encode(one.prober.standing.probing), type=Probing)


@pytest.mark.parametrize("body", NONSENSE)
async def test_a_model_is_asked_once_and_its_probe_is_unanswered(beside: Make, body: bytes) -> None:
    one = await beside(kind=Raw, body=body)
    one.prober.configure(plan())

    assert await one.round(LATE, most=5) == 1
    ((_, passed, failed, unanswered, _why),) = one.results
    assert (passed, failed, unanswered) == (0, 0, 1)


@pytest.mark.parametrize("body", NONSENSE)
async def test_a_round_of_canaries_comes_to_its_end(beside: Make, body: bytes) -> None:
    one = await beside(kind=Raw, body=body)
    one.prober.configure(plan(canaries=True, seed="a", version="v1"))

    async with model_session() as session:
        for _ in range(3 * len(PROMPTS)):
            await one.prober.step_canaries(session, LATE)

    assert len(one.model.asked) == 2 * len(PROMPTS)  # by likelihoods, then by the text
    found = counted(one).canaries
    assert isinstance(found, CanaryRound)
    assert not any(each.logprobs for each in found.prints)


@pytest.mark.parametrize("tokens", [-5, 2**70, -(2**70)])
async def test_counts_that_cannot_be_are_not_known(beside: Make, tokens: int) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    body = {"choices": [{"message": {"content": "4"}}], "usage": usage}
    one = await beside(kind=Raw, body=json.dumps(body).encode())
    one.prober.configure(plan(tokens_per_day=200))

    await one.round(LATE)

    counts = one.prober.standing.counts
    assert (counts.prompt_tokens, counts.completion_tokens, counts.uncounted) == (0, 0, 1)
    assert one.results == [("sum", 1, 0, 0, "")]
    counted(one)


@pytest.mark.parametrize("body", NONSENSE)
async def test_a_judge_leaves_the_probe_without_a_verdict(beside: Make, body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_post("/v1/embeddings", answer)
    async with TestServer(app) as server:
        endpoint = EndpointSetting(str(server.make_url("/v1")), "big")
        asked: tuple[Any, ...] = (setting("a", judged="It is."), setting("b", means_like="four"))
        one = await beside()
        one.prober.configure(plan(*asked, judge=endpoint, embeddings=endpoint))

        assert await one.round(LATE, most=5) == 2

    assert [unanswered for _, _, _, unanswered, _ in one.results] == [1, 1]


async def test_nobody_is_led_elsewhere_with_a_credential(beside: Make) -> None:
    met: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        met.append(request.path)
        raise web.HTTPTemporaryRedirect("/latest/meta-data")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    async with TestServer(app) as server:
        endpoint = EndpointSetting(str(server.make_url("/v1")), "big")
        one = await beside()
        one.prober.configure(plan(setting("a", judged="It is."), judge=endpoint, embeddings=endpoint))

        await one.round(LATE, most=5)

    assert met == ["/v1/chat/completions"]
    assert one.results[0][3] == 1
