from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from llmmonitor_api.report.report import Resources
from llmmonitor_sidecar.analyser.sampling import Sampling
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage

SEEN = Resources(processes_visible=True, processes=3)


@asynccontextmanager
async def sampling(sample: Callable[[int], Resources]) -> AsyncIterator[Sampling]:
    with socket.socket() as bound:  # and not listening: the engine refuses at once
        bound.bind(("127.0.0.1", 0))
        settings = Settings(mode=Mode.OFF, target_port=bound.getsockname()[1])
        one = Sampling(settings, SharedPage(), sample, process_sample_seconds=0.01)
        try:
            yield one
        finally:
            await one.close()


async def test_a_defect_of_the_sampler_is_said_and_the_next_sample_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes: Iterator[KeyError | Resources] = iter([KeyError("VmRSS"), KeyError("VmRSS"), SEEN])

    def sample(_now_ns: int) -> Resources:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async with sampling(sample) as one:
        said: list[Resources] = []
        while not said or not said[-1].processes_visible:
            await one.take()
            if one.resources is not None:
                said.append(one.resources)

    assert "the sampler failed with KeyError" in said[0].reason
    assert said[-1].processes == SEEN.processes
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


async def test_while_the_sampler_hangs_its_last_sample_ages() -> None:
    go_on = threading.Event()
    go_on.set()

    def sample(_now_ns: int) -> Resources:
        go_on.wait()
        return SEEN

    async with sampling(sample) as one:
        while one.resources is None:
            await one.take()
        go_on.clear()
        ages = [one.resources.sampled_age_seconds]
        for _ in range(3):
            await one.take()
            ages.append(one.resources.sampled_age_seconds)
        go_on.set()

    assert ages[1] < ages[2] < ages[3]
    assert ages[3] >= 0.02  # three looks of 10 ms each, the first of them perhaps in time


async def test_an_engine_that_is_slow_to_answer_holds_up_no_other_sample() -> None:
    answer = asyncio.Event()
    samples: list[int] = []

    def sample(now_ns: int) -> Resources:
        samples.append(now_ns)
        return SEEN

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        settings = Settings(mode=Mode.OFF, target_port=server.sockets[0].getsockname()[1])
        one = Sampling(settings, SharedPage(), sample)
        await one.take()
        before = one.engine, len(samples)
        answer.set()
        while one.engine is None:
            await one.take()
        await one.close()

    assert before == (None, 1)
    assert "status 404" in one.engine.error
