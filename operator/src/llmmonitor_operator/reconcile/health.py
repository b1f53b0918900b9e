"""`/healthz`, `/readyz` and `/metrics` of the operator, on a port of their own.

Alive is whose event loop answers; ready is what the caller says (a standby is ready: it waits for the lease).
Metrics are written down in a thread, since those of many monitors take longer than a loop may stand still.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from llmmonitor_operator.reconcile.metrics import OperatorMetrics

_SHUTDOWN_SECONDS = 2.0
_IDLE_SECONDS = 75.0
"""Longer than most scrape intervals (60 s), so that scrapers reuse their connection."""
_BODY_BYTES_LIMIT = 1024
"""Nobody has anything to send here."""


@asynccontextmanager
async def serving(
    port: int, metrics: OperatorMetrics, ready: Callable[[], str], *, host: str | None = None
) -> AsyncIterator[int]:
    """Serve as long as the context lasts; gives the port (a free one for 0).

    Args:
        port: where.
        metrics: what `/metrics` shows.
        ready: why the operator is not ready, in words; empty when it is.
        host: the address to bind; None for all.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(
        _app(metrics, ready),
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _app(metrics: OperatorMetrics, ready: Callable[[], str]) -> web.Application:
    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readiness(_request: web.Request) -> web.Response:
        why_not = ready()
        if why_not:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{why_not}\n")
        return web.Response(text="ok\n")

    async def exposition(request: web.Request) -> web.Response:
        write, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        body = await asyncio.to_thread(write, metrics.registry)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    app = web.Application(client_max_size=_BODY_BYTES_LIMIT)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", readiness)
    app.router.add_get("/metrics", exposition)
    return app
