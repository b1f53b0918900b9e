from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmmonitor_sidecar.engines import http
from llmmonitor_sidecar.engines.identify import Asker
from llmmonitor_sidecar.engines.scrape import LONGEST_PAUSE_SECONDS, EngineScraper

RECORDED = Path(__file__).parent / "engines"
LLAMA_CPP = {
    "/metrics": "llamacpp_metrics.txt",
    "/v1/models": "llamacpp_models.json",
    "/props": "llamacpp_props.json",
}

VLLM = {
    "/metrics": "vllm_0_26_metrics.txt",
    "/v1/models": "vllm_0_26_models.json",
    "/version": "vllm_0_26_version.json",
}


@dataclass
class Model:
    """A model server that answers with what was recorded; a path that is not in `answers` is a 404."""

    answers: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: bool = False
    now: float = 100.0
    url: str = ""

    def record(self, files: dict[str, str]) -> None:
        self.answers = {path: (RECORDED / name).read_bytes() for path, name in files.items()}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if self.hangs:
            await self.hanging.wait()
        body = self.answers.get(request.path)
        if body is None:
            return web.Response(status=404)
        return web.Response(status=self.status, body=body, headers=self.headers)


@asynccontextmanager
async def model(
    files: dict[str, str], timeout_seconds: float = 5.0
) -> AsyncIterator[tuple[Model, EngineScraper]]:
    fake = Model()
    fake.record(files)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    async with TestServer(app) as server, http.model_session(timeout_seconds) as session:
        fake.url = str(server.make_url("/"))
        scraper = EngineScraper(session, fake.url, interval_seconds=5.0, monotonic=lambda: fake.now)
        yield fake, scraper
        fake.hanging.set()


async def test_an_engine_is_found_and_read() -> None:
    async with model(LLAMA_CPP) as (_, scraper):
        engine = await scraper.scrape()

        assert (engine.name, engine.version, engine.model) == (
            "LlamaCpp",
            "b0-unknown",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
        )
        assert (engine.generation_tokens, engine.error, engine.scraped_age_seconds) == (48, "", 0)
        assert engine.detected_by.endswith("/metrics")
        assert scraper.served_models == ("SmolLM2-135M-Instruct.Q4_1.gguf",)


async def test_a_vllm_that_was_recorded_is_found_and_read() -> None:
    async with model(VLLM) as (_, scraper):
        engine = await scraper.scrape()

        assert (engine.name, engine.version, engine.model) == ("VLLM", "0.26.0", "smollm2")
        assert (engine.running, engine.waiting, engine.missing, engine.error) == (8, 32, (), "")


async def test_an_engine_is_asked_once_per_interval_and_looked_at_once() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        for _ in range(10):
            await scraper.scrape()
            fake.now += 1

        assert fake.asked == {"/metrics": 2, "/v1/models": 1, "/props": 1}


async def test_the_age_of_the_figures_grows_between_questions() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        await scraper.scrape()
        fake.now += 3

        assert (await scraper.scrape()).scraped_age_seconds == 3


async def test_a_model_that_is_down_is_said_and_asked_less_and_less() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        await scraper.scrape()
        fake.answers.clear()
        asked_at = []
        for _ in range(400):
            fake.now += 1
            before = fake.asked["/metrics"]
            engine = await scraper.scrape()
            if fake.asked["/metrics"] > before:
                asked_at.append(fake.now)

        assert "404" in engine.error
        assert (engine.name, engine.generation_tokens) == ("LlamaCpp", 48), "the last good figures stay"
        pauses = [b - a for a, b in itertools.pairwise(asked_at)]
        assert pauses[:4] == [10, 20, 40, 60]
        assert set(pauses[3:]) == {LONGEST_PAUSE_SECONDS}


async def test_a_model_that_comes_back_is_looked_at_anew() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        await scraper.scrape()
        fake.answers.clear()
        fake.now += 5
        await scraper.scrape()
        fake.record({"/metrics": "vllm_metrics.txt"})
        fake.answers["/v1/models"] = b'{"data": [{"id": "llama", "owned_by": "vllm"}]}'
        fake.answers["/version"] = b'{"version": "0.32.0"}'
        fake.now += 10

        engine = await scraper.scrape()

        assert (engine.name, engine.version, engine.model, engine.running) == ("VLLM", "0.32.0", "llama", 20)
        assert engine.error == ""


async def test_an_engine_without_metrics_is_still_recognised() -> None:
    async with model({"/v1/models": "llamacpp_models.json"}) as (_, scraper):
        engine = await scraper.scrape()

        assert (engine.name, engine.detected_by, engine.running) == ("LlamaCpp", "/v1/models", None)
        assert "are the engine's metrics enabled?" in engine.error


async def test_another_server_is_openai_compatible_or_unknown() -> None:
    async with model({}) as (fake, scraper):
        assert (await scraper.scrape()).name == "Unknown"
        fake.answers["/v1/models"] = b'{"data": [{"id": "mine"}]}'
        fake.now += LONGEST_PAUSE_SECONDS

        engine = await scraper.scrape()

        assert (engine.name, engine.model) == ("OpenAICompatible", "mine")


async def test_a_model_that_hangs_is_given_up_in_time() -> None:
    async with model(LLAMA_CPP, timeout_seconds=0.05) as (fake, scraper):
        fake.hangs = True

        engine = await scraper.scrape()

        assert "no answer within 0.05 s" in engine.error


async def test_nobody_listening_is_an_ordinary_outcome() -> None:
    async with http.model_session(5) as session:
        engine = await EngineScraper(session, "http://127.0.0.1:1").scrape()

    assert engine.name == "Unknown"
    assert "GET http://127.0.0.1:1/metrics" in engine.error


async def test_an_endless_answer_is_cut_off() -> None:
    async with model({}) as (fake, scraper):
        fake.answers["/metrics"] = b"# nothing\n" * 1_000_000

        assert "more than" in (await scraper.scrape()).error


async def test_a_redirect_is_not_followed() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        fake.status, fake.headers = 302, {"Location": fake.url + "elsewhere"}

        engine = await scraper.scrape()

        assert "302" in engine.error
        assert "/elsewhere" not in fake.asked


async def test_garbage_is_said_and_the_last_figures_stay() -> None:
    async with model(LLAMA_CPP) as (fake, scraper):
        await scraper.scrape()
        fake.answers["/metrics"] = b"llamacpp:requests_processing what\n"
        fake.now += 5

        engine = await scraper.scrape()

        assert "cannot parse" in engine.error
        assert engine.generation_tokens == 48


async def test_metrics_may_be_somewhere_else() -> None:
    async with model({"/other": "vllm_metrics.txt"}) as (fake, _), http.model_session(5) as session:
        engine = await EngineScraper(session, fake.url, metrics_url=fake.url + "other").scrape()

        assert (engine.name, engine.running, engine.detected_by) == ("VLLM", 20, fake.url + "other")


async def test_an_engine_with_its_metrics_elsewhere_is_read_there() -> None:
    async with model({"/prometheus/metrics": "trtllm_metrics.txt", "/metrics": "trtllm_iterations.json"}) as (
        fake,
        scraper,
    ):
        fake.answers["/v1/models"] = b'{"data": [{"id": "tiny", "owned_by": "tensorrt_llm"}]}'
        fake.answers["/version"] = b'{"version": "1.2.0"}'
        engine = await scraper.scrape()
        fake.now += 5
        await scraper.scrape()

        assert (engine.name, engine.version, engine.generation_tokens) == ("TensorRTLLM", "1.2.0", 2000)
        assert fake.asked["/metrics"] == 1, "each look takes iterations away from other readers"
        assert fake.asked["/prometheus/metrics"] == 2


async def test_where_it_has_no_other_the_iterations_are_read() -> None:
    async with model({"/metrics": "trtllm_iterations.json"}) as (fake, scraper):
        fake.answers["/v1/models"] = b'{"data": [{"id": "tiny", "owned_by": "tensorrt_llm"}]}'

        engine = await scraper.scrape()

        assert (engine.name, engine.running, engine.kv_cache_use, engine.error) == ("TensorRTLLM", 5, 0.6, "")


async def test_ollama_is_told_by_its_own_path_and_has_no_metrics_to_miss() -> None:
    async with model({"/api/ps": "ollama_ps.json"}) as (fake, scraper):
        fake.answers["/api/version"] = b'{"version": "0.12.3"}'

        engine = await scraper.scrape()
        fake.now += 5
        await scraper.scrape()

        assert (engine.name, engine.version, engine.detected_by, engine.error, engine.missing) == (
            *("Ollama", "0.12.3", "/api/version", ""),
            (),
        )
        assert fake.asked["/metrics"] == 1


@pytest.mark.parametrize(
    ("path", "answer", "name"),
    [
        ("/info", b'{"model_id": "m", "docker_label": null, "version": "3.3.4"}', "TGI"),
        ("/v2", b'{"name": "triton", "version": "2.60.0", "extensions": []}', "Triton"),
        ("/v2", b'{"name": "another", "version": "2"}', "Unknown"),
        ("/info", b"[]", "Unknown"),
        ("/api/version", b'{"version', "Unknown"),
    ],
)
async def test_an_engine_without_metrics_is_told_by_a_path_of_its_own(
    path: str, answer: bytes, name: str
) -> None:
    async with model({}) as (fake, scraper):
        fake.answers[path] = answer

        engine = await scraper.scrape()

        assert engine.name == name
        assert "are the engine's metrics enabled?" in engine.error


async def test_a_server_that_has_no_metrics_is_seldom_knocked_at() -> None:
    async with model({}) as (fake, scraper):
        fake.answers["/v1/models"] = b'{"data": [{"id": "mine"}]}'
        for _ in range(280):
            await scraper.scrape()
            fake.now += 1

        assert fake.asked["/metrics"] > 5
        assert (fake.asked["/info"], fake.asked["/v2"], fake.asked["/api/version"]) == (1, 1, 1)


async def test_who_was_told_by_knocking_is_not_forgotten_in_between() -> None:
    async with model({}) as (fake, scraper):
        fake.answers |= {"/info": b'{"docker_label": null}', "/v1/models": b'{"data": [{"id": "mine"}]}'}
        for _ in range(5):
            fake.now += LONGEST_PAUSE_SECONDS
            assert (await scraper.scrape()).name == "TGI"
        del fake.answers["/info"]
        fake.now += 300

        assert (await scraper.scrape()).name == "OpenAICompatible"


async def test_a_model_that_does_not_answer_is_not_knocked_at() -> None:
    async with model({}, timeout_seconds=0.05) as (fake, scraper):
        fake.hangs = True

        await scraper.scrape()

        assert not {"/info", "/v2", "/api/version"} & fake.asked.keys()


@pytest.mark.parametrize(
    ("base", "own", "url"),
    [
        ("http://127.0.0.1:8000", "", "http://127.0.0.1:8002/metrics"),
        ("http://[::1]:8000", "", "http://[::1]:8002/metrics"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9/m", "http://127.0.0.1:9/m"),
    ],
)
async def test_another_port_is_on_the_same_host(base: str, own: str, url: str) -> None:
    async with http.model_session() as session:
        assert Asker(session, base, own).url(":8002/metrics") == url
