"""Stopped, and without a relay, the analyser looks seldom; whatever ends the stop is at work at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sidecar.whole_sidecar import Whole, until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Live
from llmmonitor_api.signing.probe_mark import ProbeMarks
from llmmonitor_sidecar.analyser.rest import REST_SECONDS, Rest
from llmmonitor_sidecar.probes.prober import LOOK_SECONDS, Prober, Surroundings
from llmmonitor_sidecar.shared_page import SharedPage, Slot

LOOPS = 4
"""Of the analyser, that look now and then."""


def _rest(page: SharedPage) -> tuple[Rest, list[str]]:
    woken: list[str] = []
    return Rest(page, lambda: woken.append("supervisor")), woken


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_at_rest_a_pause_ends_with_the_stop_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmmonitor_sidecar.analyser.rest.REST_SECONDS", 3600.0)
    rest, _ = _rest(SharedPage())
    rest.ask(stop=True, hand_over=False)

    pause = asyncio.create_task(rest.pause(0.0))
    await _turns()
    assert not pause.done(), "at work it would have been over at once"

    rest.ask(stop=False, hand_over=False)
    await asyncio.wait_for(pause, REST_SECONDS)
    await asyncio.wait_for(rest.pause(0.0), REST_SECONDS)


async def test_as_long_as_a_relay_brings_copies_nothing_rests() -> None:
    page = SharedPage()
    page[Slot.HEARTBEAT_NS] = 1
    rest, _ = _rest(page)

    rest.ask(stop=True, hand_over=False)
    await asyncio.wait_for(rest.pause(0.0), REST_SECONDS / 2)
    page[Slot.HEARTBEAT_NS] = 0  # the supervisor does this when the relay has ended
    rest.ask(stop=True, hand_over=False)

    pause = asyncio.create_task(rest.pause(0.0))
    await _turns()
    assert not pause.done()
    pause.cancel()


async def test_a_rest_is_interrupted_by_itself_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmmonitor_sidecar.analyser.rest.REST_SECONDS", 0.0)
    rest, _ = _rest(SharedPage())
    rest.ask(stop=True, hand_over=False)

    await rest.pause(3600.0)


def test_the_supervisor_is_woken_by_news_and_by_nothing_else() -> None:
    page = SharedPage()
    rest, woken = _rest(page)
    asked = [(False, False), (True, False), (True, False), (True, True), (False, True), (False, False)]

    counts = []
    for stop, hand_over in asked:
        rest.ask(stop=stop, hand_over=hand_over)
        counts.append(len(woken))
        assert (page[Slot.STOP_REQUESTED], page[Slot.HAND_OVER_REQUESTED]) == (stop, hand_over)

    assert counts == [0, 1, 1, 2, 3, 4]


async def test_the_prober_pauses_as_it_is_told() -> None:
    class Enough(Exception):
        pass

    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Enough

    around = Surroundings("http://127.0.0.1:1", listening=True, engine=None, live=Live(), working=False)
    prober = Prober(ProbeMarks("uid"), lambda: around, lambda _change: None, "uid", {})

    with pytest.raises(Enough):
        await prober.run(pause)

    assert pauses == [LOOK_SECONDS] * 3


def _wakes(pid: int) -> int:
    """How often its threads slept and woke again."""
    counts = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        counts += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return counts


def _until_it_wakes(pid: int) -> None:
    asleep = _wakes(pid)
    until(lambda: _wakes(pid) > asleep)


def test_a_whole_one_hardly_wakes_answers_and_goes_back_to_work(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(lambda: sidecar.report().get("resources"))
    assert sidecar.put(Configuration(generation=7, stop=True)) == 200
    processes = sidecar.process.pid, *sidecar.children()
    until(lambda: not sidecar.report().get("resources"))  # the sampler saw it, too

    began, before = time.monotonic(), [_wakes(pid) for pid in processes]
    until(lambda: time.monotonic() > began + 2 * REST_SECONDS)
    after = [_wakes(pid) for pid in processes]
    looks = 1 + (time.monotonic() - began) / REST_SECONDS

    supervisor, analyser = (now - then for now, then in zip(after, before, strict=True))
    assert supervisor <= looks + 1
    assert analyser <= LOOPS * looks + 2  # and a connection that is closed
    assert sidecar.ask("/healthz")[0] == 200
    assert "llm_monitor" in sidecar.ask("/metrics")[1]["text"]
    assert sidecar.put(Configuration(generation=8)) == 200
    until(lambda: sidecar.report().get("resources"))
    assert sidecar.interception()["configuration_generation"] == 8
    assert (sidecar.process.pid, *sidecar.children()) == processes


def test_a_document_wakes_the_supervisor_of_a_whole_one(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    assert sidecar.put(Configuration(generation=7, stop=True)) == 200
    supervisor = sidecar.process.pid
    for _ in range(2):  # to rest, and then a look of its own: the next one is far away
        _until_it_wakes(supervisor)

    asleep = _wakes(supervisor)
    assert sidecar.put(Configuration(generation=8)) == 200

    until(lambda: _wakes(supervisor) > asleep, seconds=REST_SECONDS / 2)
