"""Given another model as judge, when an answer is graded, then its word is taken, or none is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.sidecar.probes.conftest import NOW, Beside, plan, setting

from llmmonitor_api.probe_plan import EndpointSetting, Expected, ProbeSetting, PromptMessage
from llmmonitor_api.report.probing import GRADED_BAD, GRADED_GOOD

Make = Callable[..., Awaitable[Beside]]
LATE = NOW + 600.0
POLITE = setting("polite", "Where is my parcel?", judged="The answer is polite.")


@dataclass
class Judge:
    """Says what it is told to; remembers what it was asked."""

    says: Callable[[str], Any] = lambda _asked: "It is friendly.\nVERDICT: GOOD"
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body["messages"][-1]["content"])
        whole = {
            "choices": [{"message": {"content": self.says(self.asked[-1])}}],
            "usage": {"total_tokens": 100},
        }
        return web.json_response(whole, status=self.status)


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    one = Judge()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", one.answer)
    async with TestServer(app) as server:
        one.url = str(server.make_url("/v1"))
        yield one


async def asked(make: Make, judge: Judge, *labelled: ProbeSetting, good: int = 0) -> Beside:
    one = await make(says=lambda _q: "Find it yourself.")
    endpoint = EndpointSetting(judge.url, "big")
    one.prober.configure(plan(POLITE, judge=endpoint, labelled=labelled, labelled_good=good))
    await one.round(LATE)
    return one


async def test_its_word_is_taken(beside: Make, judge: Judge) -> None:
    good = await asked(beside, judge)
    judge.says = lambda _asked: "VERDICT: GOOD would be wrong here.\nVerdict: **BAD**"
    bad = await asked(beside, judge)

    assert good.results == [("polite", 1, 0, 0, "")]
    assert bad.results == [("polite", 0, 1, 0, "judged")]
    for part in ("The answer is polite.", "Where is my parcel?", "Find it yourself."):
        assert part in judge.asked[0]


@pytest.mark.parametrize(
    ("says", "status", "found"),
    [
        ("I like it", 200, ("no verdict in the judge's answer", 15 + 100)),
        (None, 200, ("no verdict in the judge's answer", 15 + 100)),
        ("VERDICT: GOOD", 500, ("no verdict: HTTP 500", 15)),
    ],
)
async def test_a_judge_that_says_nothing_clear_leaves_no_verdict_and_is_paid(
    beside: Make, judge: Judge, says: str | None, status: int, found: tuple[str, int]
) -> None:
    """One that thinks to its last token, and says nothing, would else be asked without end."""
    judge.says, judge.status = lambda _asked: says, status

    one = await asked(beside, judge)

    why, tokens = found
    assert one.results == [("polite", 0, 0, 1, why)]
    assert one.prober._budget.spent(LATE) == tokens


async def test_labelled_answers_are_graded_and_the_model_is_not_asked(beside: Make, judge: Judge) -> None:
    rubric = Expected(judged="The answer is polite.")
    one, other = (
        ProbeSetting(name, (PromptMessage("user", "Hello?"),), rubric, answer=answer)
        for name, answer in (("kind", "How can I help?"), ("rude", "Go away."))
    )
    judge.says = lambda asked: f"VERDICT: {'BAD' if 'yourself' in asked else 'GOOD'}"

    found = await asked(beside, judge, one, other, good=1)

    results = found.prober.standing.probing.rounds[-1].results
    assert [(one.suite, one.name, one.passed, one.failed) for one in results] == [
        ("", "polite", 0, 1),
        (GRADED_GOOD, "kind", 1, 0),
        (GRADED_BAD, "rude", 1, 0),
    ]
    assert len(found.model.asked) == 1
    assert found.prober._budget.spent(LATE) == 15 + 3 * 100


async def test_an_answer_cannot_close_its_own_mark(beside: Make, judge: Judge) -> None:
    await asked(beside, judge)
    await asked(beside, judge)

    first, second = (one.split("[answer ")[1][:16] for one in judge.asked)
    assert first != second
    assert judge.asked[0].endswith(f"[end of answer {first}]")
