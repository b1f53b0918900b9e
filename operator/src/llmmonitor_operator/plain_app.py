"""`/healthz`, `/readyz` and `/metrics` as an application of aiohttp, the same in both processes.

Metrics are written down in a thread: those of many monitors take longer than a loop may stand still.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_BODY_BYTES_LIMIT = 1024
"""Nobody has anything to send here."""


def make_plain_app(
    registry: CollectorRegistry, alive: Callable[[], str], ready: Callable[[], str]
) -> web.Application:
    """The three answers.

    Args:
        registry: what `/metrics` shows.
        alive: why the process should be restarted, in words; empty when it should not.
        ready: why no pod should be sent here, in words; empty when it may.
    """

    def said(why_not: str) -> web.Response:
        if why_not:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{why_not}\n")
        return web.Response(text="ok\n")

    async def healthz(_request: web.Request) -> web.Response:
        return said(alive())

    async def readyz(_request: web.Request) -> web.Response:
        return said(ready())

    async def exposition(request: web.Request) -> web.Response:
        write, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        body = await asyncio.to_thread(write, registry)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    app = web.Application(client_max_size=_BODY_BYTES_LIMIT)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app


@asynccontextmanager
async def listening(runner: web.AppRunner, port: int, *, host: str | None = None) -> AsyncIterator[int]:
    """Serve an application as long as the context lasts; gives the port (a free one for 0).

    Raises:
        OSError: the port is taken.
    """
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
