"""Given an endpoint of embeddings, when answers are compared by meaning, then they pass, fail, or neither."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.sidecar.probes.conftest import NOW, Beside, plan, setting

from llmmonitor_api.probe_plan import EndpointSetting
from llmmonitor_sidecar.probes.embedding import CHARACTERS_LIMIT

Make = Callable[..., Awaitable[Beside]]
LATE = NOW + 600.0
TEXT = "It is sent back within two weeks."
MEANT = setting("refund", "How long have I got?", means_like=TEXT, means_at_least=0.8)


@dataclass
class Embeddings:
    """Gives the vectors that it is told to, or another answer."""

    vectors: list[list[float]]
    answer: Any = None
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    url: str = ""

    async def embed(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.authorized.append(request.headers.get("Authorization", ""))
        data = [{"index": n, "embedding": vector} for n, vector in enumerate(self.vectors)]
        said = {"data": data[::-1], "usage": {"prompt_tokens": 7, "total_tokens": 7}}
        return web.json_response(said if self.answer is None else self.answer, status=self.status)


@pytest.fixture
async def embeddings() -> AsyncIterator[Embeddings]:
    one = Embeddings([[3.0, 4.0], [0.6, 0.8]])
    app = web.Application()
    app.router.add_post("/v1/embeddings", one.embed)
    async with TestServer(app) as server:
        one.url = str(server.make_url("/v1"))
        yield one


async def asked(make: Make, by: Embeddings | None, **settings: Any) -> Beside:
    one = await make(says=lambda _q: "You have fourteen days.")
    endpoint = EndpointSetting(by.url, "minilm", **settings) if by is not None else None
    one.prober.configure(plan(MEANT, embeddings=endpoint))
    await one.round(LATE)
    return one


async def test_an_answer_that_means_the_same_passes(beside: Make, embeddings: Embeddings) -> None:
    one = await asked(beside, embeddings)

    assert one.results == [("refund", 1, 0, 0, "")]
    assert embeddings.asked == [{"model": "minilm", "input": ["You have fourteen days.", TEXT]}]
    assert embeddings.authorized == [""]


async def test_one_that_means_something_else_fails_with_how_far_it_is(
    beside: Make, embeddings: Embeddings
) -> None:
    embeddings.vectors = [[1.0, 0.0], [0.6, 0.8]]

    assert (await asked(beside, embeddings)).results == [("refund", 0, 1, 0, "meansLike 0.60 < 0.80")]


@pytest.mark.parametrize(
    ("said", "vectors", "why"),
    [
        (({"error": "secret words"}, 503), [], "no embeddings: HTTP 503"),
        (({"data": "x"}, 200), [], "embeddings that are none"),
        ((None, 200), [[1.0]], "embeddings that are none"),
        ((None, 200), [[1.0], [1.0, 2.0]], "embeddings that are none"),
        ((None, 200), [[0.0], [0.0]], "embeddings of no length"),
    ],
)
async def test_an_endpoint_that_fails_leaves_no_verdict_and_says_why(
    beside: Make, embeddings: Embeddings, said: tuple[Any, int], vectors: list[list[float]], why: str
) -> None:
    embeddings.answer, embeddings.status = said
    embeddings.vectors = vectors

    assert (await asked(beside, embeddings)).results == [("refund", 0, 0, 1, why)]


async def test_an_endpoint_that_is_not_there_or_not_named_is_said(beside: Make) -> None:
    gone = Embeddings([], url="http://127.0.0.1:1/v1")

    assert (await asked(beside, gone)).results[0][4] == "no embeddings: ClientConnectorError"
    assert "spec.quality.embeddings is not set" in (await asked(beside, None)).results[0][4]


async def test_its_tokens_are_in_the_budget_and_in_no_count_of_the_models(
    beside: Make, embeddings: Embeddings
) -> None:
    one = await asked(beside, embeddings)

    assert one.prober._budget.spent(LATE) == 15 + 7
    assert one.prober.standing.counts.prompt_tokens == 10


async def test_a_long_answer_is_cut(beside: Make, embeddings: Embeddings) -> None:
    one = await beside(says=lambda _q: "x" * 100_000)
    one.prober.configure(plan(MEANT, embeddings=EndpointSetting(embeddings.url, "minilm")))

    await one.round(LATE)

    assert len(embeddings.asked[0]["input"][0]) == CHARACTERS_LIMIT
