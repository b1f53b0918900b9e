"""A PodDisruptionBudget may hold for hours, and an eviction is tried again every few seconds."""

from __future__ import annotations

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.attach.evict import Eviction
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.sidecars.evicting import Evictor


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if "not evicted yet" in one.message]


async def test_why_it_waits_is_said_when_that_changes(
    server: KubeServer, kube: Kube, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["the budget needs 1", "the budget needs 1", "the budget needs 2", "the budget needs 1"]
    answers = iter(words)

    async def holds(_request: web.Request) -> web.Response:
        return refused(Refusal(429, next(answers)))

    server.fault = holds
    evictor = Evictor()
    told = [await evictor.evict(kube, Eviction("prod", "chat-a", "uid", "blocked")) for _ in words]

    assert told == words
    assert [one.rpartition(": ")[2] for one in said(caplog)] == [words[0], words[2], words[3]]


async def test_a_successor_that_waits_too_is_said_anew(
    server: KubeServer, kube: Kube, caplog: pytest.LogCaptureFixture
) -> None:
    async def holds(_request: web.Request) -> web.Response:
        return refused(Refusal(429, "the budget needs 1"))

    server.fault = holds
    evictor = Evictor()
    for uid in ("first", "second"):
        evictor.keep({uid})
        await evictor.evict(kube, Eviction("prod", "chat-0", uid, "blocked"))

    assert len(said(caplog)) == 2
