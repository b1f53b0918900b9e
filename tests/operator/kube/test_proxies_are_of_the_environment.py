"""The API server is reached by the environment's proxy; where it names none, no request looks for one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.operator.kube_server import KubeServer, connected

from llmmonitor_operator.kube import paths

MAPS = paths.config_maps("prod")
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chat"}}


class NoThreads(ThreadPoolExecutor):
    """Starts none."""

    def submit(self, *_args: Any, **_named: Any) -> Any:
        raise AssertionError("a request looked at the environment, in a thread")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
async def test_a_proxy_that_is_named_is_asked(
    server: KubeServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, server.url)
    server.put(MAPS, MAP)

    async with connected("http://api.invalid:6443") as kube:
        listing = await kube.list(MAPS)

    assert [one["metadata"]["name"] for one in listing.items] == ["chat"]


async def test_an_api_server_that_needs_none_is_asked_itself(
    server: KubeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    server.put(MAPS, MAP)

    async with connected(server.url) as kube:
        listing = await kube.list(MAPS)

    assert len(listing.items) == 1


async def test_without_one_no_thread_looks_for_it(server: KubeServer) -> None:
    asyncio.get_running_loop().set_default_executor(NoThreads())
    server.put(MAPS, MAP)

    async with connected(server.url) as kube:
        listing = await kube.list(MAPS)

    assert len(listing.items) == 1
