"""From chats through a real sidecar, and feedback at its port, to what a person reads and nobody may."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.conftest import SidecarBeside
from tests.operator.conftest import monitor_with

from llmmonitor_api.report.report import encode
from llmmonitor_cli.sidecar_process import Target
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.evaluate import Environment, evaluate
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.state import State
from llmmonitor_sidecar.endpoints.feedback import TOKEN

MONITOR = monitor_with(
    quality={
        "outcomes": {
            "minPositive": "90%",
            "maxRegenerated": "50%",
            "feedbackAuth": {"secretKeyRef": {"name": "feedback", "key": "token"}},
        }
    }
)
NAME = "chatcmpl-quokka"
ANSWERS = 40
NUMBERS = itertools.count()


async def answer_as_vllm_does(_request: web.Request) -> web.Response:
    said = {"role": "assistant", "content": "Paris."}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    named = {"id": f"{NAME}-{next(NUMBERS)}", "object": "chat.completion", "choices": [choice]}
    return web.json_response(named)


async def test_feedback_goes_all_the_way(
    beside: SidecarBeside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "a token")
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer_as_vllm_does)
    async with TestServer(app) as model:
        target = Target("127.0.0.1", model.port or 0)
        async with beside(target, configuration_for(MONITOR)) as sidecar, aiohttp.ClientSession() as session:
            names = []
            for number in range(ANSWERS):
                turn = {"role": "user", "content": f"What is the capital of country {number // 2}, please?"}
                body = {"messages": [turn]}
                async with session.post(f"http://{sidecar.listen}/v1/chat/completions", json=body) as chat:
                    names.append((await chat.json())["id"])
            with_token = {"Authorization": "Bearer a token"}
            statuses = [
                await rate(session, sidecar.api, name, "negative" if number % 2 else "positive", with_token)
                for number, name in enumerate(names)
            ]
            strangers = await rate(session, sidecar.api, names[0], "negative", {})
            report = await sidecar.report()
            metrics = await (await session.get(sidecar.api + "/metrics")).text()

    assert (set(statuses), strangers) == ({200}, 401)
    result = evaluate(MONITOR, absorb(State(), report, report.at), report.at, Environment(cluster=False))
    (quality,) = (one for one in result.conditions if one.type == "QualityHealthy")
    assert (quality.status, quality.reason) == ("False", "OutcomesPoor")
    assert "positive feedback 50 % (35–65) of 40 (at least 90 %)" in quality.message  # noqa: RUF001 - a range
    assert "100 % of 40 answers rated" in quality.message
    assert result.status["quality"]["regenerated"]["value"] == 0.5
    assert 'llm_monitor_feedback_total{verdict="negative"} 20.0' in metrics
    everything = encode(report).decode() + metrics + (tmp_path / "sidecar.log").read_text()
    assert NAME not in everything
    assert "a token" not in everything


async def rate(
    session: aiohttp.ClientSession, api: str, name: str, label: str, headers: dict[str, str]
) -> int:
    """At once: the sidecar may still be reading the answer's end."""
    for _ in range(100):
        given = {"response_id": name, "label": label}
        async with session.post(f"{api}/v1/feedback", json=given, headers=headers) as said:
            if said.status != 404:
                return said.status
        await asyncio.sleep(0.05)
    raise AssertionError(f"the answer {name} was never seen")
