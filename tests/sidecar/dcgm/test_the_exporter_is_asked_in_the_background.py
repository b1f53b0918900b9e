from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from tests.sidecar.dcgm.expositions import CHAT, OTHER, WELL, gpu

from llmmonitor_api.report.gpus import GPU, GPUs
from llmmonitor_sidecar.analyser.sampling import exporter_of
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.samplers.dcgm.asker import DCGMAsker
from llmmonitor_sidecar.samplers.dcgm.whose import Asking
from llmmonitor_sidecar.samplers.gpu.sampler import Sampled
from llmmonitor_sidecar.settings import Mode, Settings

SECOND = 1_000_000_000
BLIND = Sampled(GPUs(visible=False, reason="libnvidia-ml.so.1 not found", requested=1))
ASKING = Asking(CHAT, 1, on_the_node=False)


@dataclass
class Exporter:
    """One that answers with `text`."""

    text: str = gpu(0, CHAT) + gpu(1, OTHER)
    status: int = 200
    hangs: bool = False
    asked: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        self.arrived.set()
        if self.hangs:
            await self.released.wait()
        return web.Response(status=self.status, text=self.text)


@asynccontextmanager
async def exporter(timeout_seconds: float = 5.0) -> AsyncIterator[tuple[Exporter, DCGMAsker]]:
    fake = Exporter()
    app = web.Application()
    app.router.add_get("/metrics", fake.answer)
    async with TestServer(app) as server:
        asker = DCGMAsker(model_session(timeout_seconds), str(server.make_url("/metrics")), ASKING)
        yield fake, asker
        fake.released.set()
        await asker.close()


async def test_it_answers_for_a_driver_that_cannot_be_seen() -> None:
    async with exporter() as (_, asker):
        await asker.ask(0)

        gpus = asker.beside(BLIND, 7 * SECOND).gpus

        assert (gpus.visible, gpus.source, gpus.sampled_age_seconds) == (True, "DCGM", 7.0)
        assert ([one.uuid for one in gpus.devices], gpus.reason) == (["GPU-0"], BLIND.gpus.reason)


@pytest.mark.parametrize(
    "nvml",
    [
        GPUs(visible=True, source="NVML", devices=(GPU("GPU-9"),)),
        GPUs(visible=False, reason="the driver has not answered for 12 s", silent_seconds=12.0),
    ],
    ids=["it answers", "it is silent"],
)
async def test_while_there_is_a_driver_nobody_else_is_asked(nvml: GPUs) -> None:
    async with exporter() as (fake, asker):
        for second in range(100):
            assert asker.beside(Sampled(nvml), second * SECOND).gpus == nvml
            await asyncio.sleep(0)

        assert fake.asked == 0


async def test_an_exporter_that_hangs_holds_up_nobody_and_is_asked_once() -> None:
    async with exporter() as (fake, asker):
        fake.hangs = True
        asker.beside(BLIND, 0)
        question = asker._running
        await fake.arrived.wait()

        said = [asker.beside(BLIND, second * SECOND).gpus for second in range(100)]

        assert {(one.visible, one.exporter_error) for one in said} == {(False, "it has not answered yet")}
        assert asker._running is question


async def test_an_analyser_that_ends_leaves_no_question_behind() -> None:
    async with exporter() as (fake, asker):
        fake.hangs = True
        asker.beside(BLIND, 0)
        question = asker._running
        await fake.arrived.wait()

        await asker.close()

        assert question is not None
        assert question.cancelled()


async def test_an_exporter_that_hangs_for_too_long_is_said() -> None:
    async with exporter(timeout_seconds=0.05) as (fake, asker):
        fake.hangs = True

        await asker.ask(0)

        assert "no answer within 0.05 s" in asker.beside(BLIND, 0).gpus.exporter_error


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 503, "status 503"),
        ("no text of this kind", 200, "it has no DCGM_FI_"),
        ("x" * (4 * 1024 * 1024 + 1), 200, "more than 4194304 bytes"),
        (gpu(0, OTHER), 200, "none to this one"),
        ("DCGM_FI_DEV_GPU_TEMP{" + "é" * 900, 200, "cannot parse"),
    ],
    ids=["refuses", "garbage", "huge", "other pods'", "broken"],
)
async def test_what_is_of_no_use_is_said_beside_the_reason(text: str, status: int, words: str) -> None:
    async with exporter() as (fake, asker):
        fake.text, fake.status = text, status

        await asker.ask(0)
        gpus = asker.beside(BLIND, 0).gpus

        assert (gpus.visible, gpus.reason, gpus.devices) == (False, BLIND.gpus.reason, ())
        assert words in gpus.exporter_error
        assert "http://127.0.0.1:" in gpus.exporter_error


async def test_where_no_exporter_is_that_is_said() -> None:
    port = unused_port()
    asker = DCGMAsker(model_session(), f"http://127.0.0.1:{port}/metrics", ASKING)

    await asker.ask(0)

    error = asker.beside(BLIND, 0).gpus.exporter_error
    await asker.close()
    assert f"GET http://127.0.0.1:{port}/metrics: " in error


async def test_what_came_last_stands_for_a_minute() -> None:
    async with exporter() as (fake, asker):
        await asker.ask(0)
        fake.status = 500
        await asker.ask(15 * SECOND)

        still, no_longer = (asker.beside(BLIND, second * SECOND).gpus for second in (60, 61))

        assert (still.visible, still.exporter_error, still.sampled_age_seconds) == (True, "", 60.0)
        assert (no_longer.visible, no_longer.devices) == (False, ())
        assert "status 500" in no_longer.exporter_error


async def test_it_is_asked_every_15_s_and_less_often_while_it_fails() -> None:
    async with exporter() as (fake, asker):
        times = []
        for second in range(300):
            fake.status = 200 if second in {*range(60), 210} else 500
            before = fake.asked
            asker.beside(BLIND, second * SECOND)
            if asker._running is not None:
                await asker._running
            if fake.asked > before:
                times.append(second)

        assert times == [0, 15, 30, 45, 60, 90, 150, 210, 225, 255]


@pytest.mark.parametrize(
    ("host_ip", "url"),
    [("10.0.0.7", "http://10.0.0.7:9400/metrics"), ("fd00::7", "http://[fd00::7]:9400/metrics")],
)
async def test_the_nodes_address_is_filled_in(host_ip: str, url: str) -> None:
    settings = Settings(
        mode=Mode.OFF,
        target_port=8000,
        gpus_requested=1,
        dcgm_exporter="http://{node}:9400/metrics",
        host_ip=host_ip,
    )

    asker = exporter_of(settings)

    assert asker is not None
    assert asker.url == url
    await asker.close()


async def test_energy_adds_up_over_both_sources_and_never_goes_back() -> None:
    async with exporter() as (fake, asker):
        for number, energy in enumerate((5e9, 5.4e9)):
            fake.text = gpu(0, CHAT, figures=WELL | {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": energy})
            await asker.ask(number * 15 * SECOND)

        blind, seeing = (
            asker.beside(Sampled(GPUs(visible=visible), 1_000), 16 * SECOND).energy_millijoules
            for visible in (False, True)
        )

        assert (blind, seeing) == (400_001_000, 400_001_000)


async def test_a_defect_is_said_and_tried_again() -> None:
    session = model_session()
    await session.close()  # asking on is a defect: no answer says it
    asker = DCGMAsker(session, "http://127.0.0.1/metrics", ASKING)
    asker.beside(BLIND, 0)
    assert asker._running is not None
    await asker._running

    said = asker.beside(BLIND, SECOND).gpus.exporter_error

    assert said == "asking failed with RuntimeError; the sidecar's log says more"
    assert asker._running is None
    asker.beside(BLIND, 60 * SECOND)
    assert asker._running is not None
