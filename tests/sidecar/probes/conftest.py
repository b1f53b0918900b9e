"""A model server that answers as it is told, on a real socket, and a prober beside it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmmonitor_api.probe_plan import Expected, ProbePlan, ProbeSetting, PromptMessage
from llmmonitor_api.report.report import Engine, Live
from llmmonitor_api.signing.probe_mark import ProbeMarks
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.probes.budget import TokenBudget
from llmmonitor_sidecar.probes.prober import CREDENTIAL, Prober, Surroundings

NOW = 1_800_000_000.0


@dataclass
class Model:
    """Answers every question with `says`; remembers what it was asked."""

    says: Callable[[str], str] = lambda _question: "4"
    status: int = 200
    usage: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    in_flight: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        if self.status != 200:
            return web.json_response({"error": "secret words"}, status=self.status)
        content = self.says(body["messages"][-1]["content"])
        whole: dict[str, Any] = {"choices": [{"message": {"content": content}}]}
        if self.usage:
            whole["usage"] = {"prompt_tokens": 10, "completion_tokens": 5}
        return web.Response(text=json.dumps(whole), content_type="application/json")


@dataclass
class Beside:
    """A prober, the model, and what the prober is told of this moment."""

    prober: Prober
    model: Model
    around: Surroundings
    marks: ProbeMarks
    on_air: list[int]

    async def round(self, now: float = NOW, most: int = 100) -> int:
        """Ask until nothing is due; how many questions went out."""
        async with model_session() as session:
            for asked in range(most):
                if not await self.prober.step(session, now):
                    return asked
        return most

    @property
    def results(self) -> list[tuple[str, int, int, int, str]]:
        """Of the newest round."""
        return [
            (one.name, one.passed, one.failed, one.unanswered, one.broken)
            for one in self.prober.standing.probing.rounds[-1].results
        ]


def setting(name: str = "sum", prompt: str = "2+2?", **expected: Any) -> ProbeSetting:
    repeats = expected.pop("repeats", 1)
    expected = expected or {"number": "4"}
    return ProbeSetting(
        name, (PromptMessage("user", prompt),), Expected(**expected), repeats=repeats, max_tokens=16
    )


def plan(*probes: ProbeSetting, **fields: Any) -> ProbePlan:
    return ProbePlan(probes=probes or (setting(),), **{"schedule_seconds": 3600.0, **fields})


@pytest.fixture
async def beside() -> AsyncIterator[Callable[..., Any]]:
    """Makes a `Beside`."""
    servers = []

    async def make(
        credential: str = "", kind: type[Model] = Model, budget: TokenBudget | None = None, **model: Any
    ) -> Beside:
        server_model = kind(**model)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server_model.answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        around = Surroundings(
            base_url=str(server.make_url("")).rstrip("/"),
            listening=True,
            engine=Engine("vLLM", "1", "m", running=0, waiting=0),
            live=Live(),
            working=True,
        )
        marks = ProbeMarks("uid")
        on_air: list[int] = []
        one = Beside(None, server_model, around, marks, on_air)  # type: ignore[arg-type]  # made below
        environment = {CREDENTIAL: credential} if credential else {}
        one.prober = Prober(marks, lambda: one.around, on_air.append, "uid", environment, budget=budget)
        return one

    yield make
    for server in servers:
        await server.close()
