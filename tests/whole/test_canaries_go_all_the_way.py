"""From a model server's likelihoods over the sidecar's probes to the Event that the model changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.operator.conftest import NO_CLUSTER, Watch, monitor_with

from llmmonitor_api.probe_plan import ProbePlan
from llmmonitor_api.report.report import Engine, Live
from llmmonitor_api.signing.probe_mark import ProbeMarks
from llmmonitor_operator.configure import configuration_for
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.probes.prober import Prober, Surroundings

ENGINE = Engine("LlamaCpp", version="b6", model="chat", weights="parameters 5", running=0, waiting=0)


class Server:
    """A model behind one name, whose weights may be others tomorrow."""

    def __init__(self) -> None:
        self.weights, self.url = 1, ""

    async def answer(self, _request: web.Request) -> web.Response:
        top = [{"token": f"t{(n * self.weights) % 17}", "logprob": -1.0 - n} for n in range(10)]
        choice = {"message": {"content": "t"}, "logprobs": {"content": [{"token": "t", "top_logprobs": top}]}}
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        return web.Response(text=json.dumps({"choices": [choice], "usage": usage}))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", one.answer)
    test_server = TestServer(app)
    await test_server.start_server()
    one.url = str(test_server.make_url("")).rstrip("/")
    yield one
    await test_server.close()


async def test_other_weights_behind_one_name_are_an_event_a_version_and_another_round_of_probes(
    server: Server,
) -> None:
    watch = Watch(monitor_with(quality={"schedule": "1h", "suites": ["facts"]}), NO_CLUSTER)
    replica = watch.replica()
    replica.engine = ENGINE
    around = Surroundings(server.url, listening=True, engine=ENGINE, live=Live(), working=True)
    prober = Prober(ProbeMarks("uid-0"), lambda: around, lambda _change: None, "uid-0", {})
    told, asked = [], []

    async with model_session() as session:
        for minutes in range(0, 130, 5):
            server.weights = 1 if minutes < 60 else 3
            prober.configure(_pushed(watch))
            while await prober.step_canaries(session, watch.now) or await prober.step(session, watch.now):
                pass
            replica.probing = prober.standing.probing
            result = watch.gather([replica], 300)
            told += [(minutes, one.message) for one in result.transitions if one.reason == "ModelChanged"]
            asked.append(prober.standing.probing.rounds[-1].version if prober.standing.probing.rounds else "")

    [(minute, message)] = told
    assert 60 < minute <= 60 + 65, "a round of the schedule, and one five minutes later"
    assert "canaries of model 1 → of model 2" in message
    versions = watch.state.versions.versions
    assert [one.name for one in versions] == [one for one in dict.fromkeys(asked) if one][-2:]


def _pushed(watch: Watch) -> ProbePlan:
    """What the operator tells its one replica: the plan, and what it calls the version that runs."""
    configuration = configuration_for(watch.monitor)
    assert configuration.probes is not None
    version = watch.state.versions.running.get("uid-0", "")
    return msgspec.structs.replace(configuration.probes, version=version)
