from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, speaking
from llmmonitor_operator.kube.errors import TooManyRequests
from llmmonitor_operator.kube.mirror import Mirror

PODS = paths.pods("prod")


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "spec": {}}


@dataclass
class Seen:
    """What a mirror told."""

    told: list[tuple[str, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, kind: str, thing: dict[str, Any]) -> None:
        self.told.append((kind, thing["metadata"]["name"]))
        self.news.set()

    async def until(self, *, told: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told) < told:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(mirror: Mirror) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.run())
    try:
        async with asyncio.timeout(10):
            await mirror.synced.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_holds_what_was_there_and_follows_what_comes(kube: Kube, server: KubeServer) -> None:
    server.put(PODS, pod("a"))
    seen = Seen()
    mirror = Mirror(kube, PODS, on_change=seen)

    async with running(mirror):
        server.put(PODS, pod("b"))
        server.put(PODS, pod("a", labels={"app": "chat"}))
        server.remove(paths.pod("prod", "b"))
        await seen.until(told=4)

    assert seen.told == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert mirror.objects.keys() == {("prod", "a")}
    assert mirror.of("prod")[0]["metadata"]["labels"] == {"app": "chat"}
    assert mirror.of("test") == []


async def test_managed_fields_are_not_remembered(kube: Kube, server: KubeServer) -> None:
    server.put(PODS, pod("a", managedFields=[{"manager": "kubectl"}]))
    mirror = Mirror(kube, PODS)

    async with running(mirror):
        kept = mirror.objects["prod", "a"]["metadata"]

    assert "managedFields" not in kept
    assert kept["uid"]


async def test_a_watch_that_ends_goes_on_where_it_was(kube: Kube, server: KubeServer) -> None:
    server.put(PODS, pod("a"))
    seen = Seen()

    async with running(Mirror(kube, PODS, on_change=seen)):
        server.end_watches()
        server.put(PODS, pod("b"))
        await seen.until(told=2)

    assert seen.told == [("ADDED", "a"), ("ADDED", "b")]
    assert sum("limit=" in line for line in server.asked) == 1  # listed once


async def test_a_watch_that_breaks_goes_on_where_it_was(kube: Kube, server: KubeServer) -> None:
    server.put(PODS, pod("a"))
    seen = Seen()
    mirror = Mirror(kube, PODS, on_change=seen)

    async with running(mirror):
        server.put(PODS, pod("b"))
        await seen.until(told=2)
        server.break_watches()
        server.put(PODS, pod("c"))
        await seen.until(told=3)

    assert seen.told[2:] == [("ADDED", "c")]
    assert sum("limit=" in line for line in server.asked) == 1
    assert len(server.watches()) == 2


async def test_a_bookmark_is_where_the_next_watch_begins(kube: Kube, server: KubeServer) -> None:
    seen = Seen()

    async with running(Mirror(kube, PODS, on_change=seen)):
        server.put(PODS, pod("a"))
        await seen.until(told=1)
        server.bookmark()
        marked = server.version
        server.end_watches()
        server.put(PODS, pod("b"))
        await seen.until(told=2)

    assert f"resourceVersion={marked}" in server.watches()[-1]


async def test_what_went_while_the_history_was_lost_is_told_as_deleted(
    kube: Kube, server: KubeServer
) -> None:
    server.put(PODS, pod("gone"))
    server.put(PODS, pod("stays"))
    seen = Seen()
    mirror = Mirror(kube, PODS, on_change=seen)

    async with running(mirror):
        while not server.watches():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)

        async def away(_request: web.Request) -> web.Response:
            return refused(Refusal(503, "starting"))

        server.fault = away
        server.break_watches()
        server.remove(paths.pod("prod", "gone"))
        server.put(PODS, pod("new"))
        server.forget_history()
        server.fault = None
        await seen.until(told=4)

    assert sorted(seen.told[2:]) == [("ADDED", "new"), ("DELETED", "gone")]
    assert mirror.objects.keys() == {("prod", "stays"), ("prod", "new")}


async def test_an_object_that_is_the_same_is_not_told_again(kube: Kube, server: KubeServer) -> None:
    server.put(PODS, pod("a"))
    seen = Seen()

    async with running(Mirror(kube, PODS, on_change=seen)):
        server.forget_history()
        server.bookmark()
        server.end_watches()
        server.put(PODS, pod("b"))
        await seen.until(told=2)

    assert seen.told == [("ADDED", "a"), ("ADDED", "b")]


@pytest.mark.parametrize("refusal", [Refusal(503, "etcd is slow"), Refusal(429, "slowly"), Refusal(500, "?")])
async def test_it_says_why_it_is_behind_and_no_more_once_it_is_not(
    kube: Kube, server: KubeServer, refusal: Refusal
) -> None:
    said = []
    mirror = Mirror(kube, PODS)

    async def twice(_request: web.Request) -> web.Response | None:
        said.append(mirror.problem)
        return refused(refusal) if len(said) <= 2 else None

    server.fault = twice

    async with running(mirror):
        while not server.watches():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)
        problem = mirror.problem

    assert refusal.message in said[1]
    assert problem == ""


async def test_rights_that_are_missing_are_a_problem_not_an_end(kube: Kube, server: KubeServer) -> None:
    asked = asyncio.Event()

    async def forbid(_request: web.Request) -> web.Response:
        asked.set()
        return refused(Refusal(403, "pods is forbidden", "Forbidden"))

    server.fault = forbid
    mirror = Mirror(kube, PODS)
    task = asyncio.create_task(mirror.run())
    try:
        await asked.wait()
        while not mirror.problem:  # noqa: ASYNC110 - a mirror has no event for it
            await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert "pods is forbidden" in mirror.problem
    assert not mirror.synced.is_set()


_EVENTS = [
    b"[]",
    b"null",
    b'"a string"',
    b"<html>log in first</html>",
    b'{"kind":"Status"}',
    b'{"type":"ADDED","object":null}',
    b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"5"}}}',
    b'{"type":"ERROR","object":{"code":"many"}}',
]


@pytest.mark.parametrize("event", _EVENTS)
async def test_an_event_of_something_in_between_is_outlived(
    kube: Kube, server: KubeServer, event: bytes
) -> None:
    async def garbled(request: web.Request) -> web.StreamResponse | None:
        if "watch" not in request.query:
            return None
        server.fault = None
        return web.Response(body=event + b"\n")

    server.fault = garbled
    seen = Seen()
    mirror = Mirror(kube, PODS, on_change=seen)

    async with running(mirror):
        server.put(PODS, pod("a"))
        await seen.until(told=1)

    assert mirror.objects.keys() == {("prod", "a")}


@pytest.mark.parametrize("body", ["[]", "null", '{"items":[5]}', '{"items":[null]}', '{"items":[{}]}'])
async def test_a_list_of_something_in_between_is_outlived(kube: Kube, server: KubeServer, body: str) -> None:
    async def garbled(_request: web.Request) -> web.Response:
        server.fault = None
        return web.Response(text=body, content_type="application/json")

    server.fault = garbled
    server.put(PODS, pod("a"))
    mirror = Mirror(kube, PODS)

    async with running(mirror):
        pass

    assert mirror.objects.keys() == {("prod", "a")}


async def test_nobody_makes_it_stand_still_for_long(kube: Kube, server: KubeServer) -> None:
    async def busy(_request: web.Request) -> web.Response:
        return refused(Refusal(429, "tomorrow"), **{"Retry-After": "86400"})

    server.fault = busy

    with pytest.raises(TooManyRequests) as caught:
        await kube.get(paths.pod("prod", "a"))

    assert caught.value.retry_after_seconds == 60.0


@pytest.mark.parametrize(
    "trouble", [OSError("no such file"), ConfigException("Token file exists but empty.")]
)
async def test_a_token_that_cannot_be_read_for_a_moment_is_outlived(
    server: KubeServer, trouble: Exception
) -> None:
    configuration = Configuration(host=server.url, api_key={"BearerToken": "t"})
    readings = iter([None, trouble, trouble])

    def read_token(_configuration: Configuration) -> None:
        if (problem := next(readings, None)) is not None:
            raise problem

    configuration.refresh_api_key_hook = read_token  # type: ignore[assignment]  # it calls it for each request
    server.put(PODS, pod("a"))
    seen = Seen()
    async with speaking(configuration) as kube, running(Mirror(kube, PODS, on_change=seen)):
        server.put(PODS, pod("b"))
        await seen.until(told=2)

    assert seen.told == [("ADDED", "a"), ("ADDED", "b")]
