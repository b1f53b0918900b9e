"""Two applications of aiohttp: `/mutate` for the API server, and health and metrics for everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from llmmonitor_operator.webhook.admitter import BODY_BYTES_LIMIT, Admitter, Body
from llmmonitor_operator.webhook.metrics import WebhookMetrics


@dataclass(slots=True)
class Draining:
    """Set when the process has to end: connections are closed after their next answer."""

    begun: bool = False


def make_mutate_app(admitter: Admitter, draining: Draining) -> web.Application:
    """`POST /mutate`, which is answered with 200 whatever was sent."""

    async def mutate(request: web.Request) -> web.Response:
        response = web.Response(
            body=await admitter.answer(lambda: _received(request)), content_type="application/json"
        )
        if draining.begun or not request.content.at_eof():
            response.force_close()  # the API server's next request goes to another replica
        return response

    app = web.Application()
    app.router.add_post("/mutate", mutate)
    return app


def make_plain_app(
    metrics: WebhookMetrics, alive: Callable[[], str], ready: Callable[[], str]
) -> web.Application:
    """`/healthz`, `/readyz` and `/metrics`.

    Args:
        metrics: what is shown.
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
        body = await asyncio.to_thread(write, metrics.registry)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    app = web.Application(client_max_size=1024)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app


async def _received(request: web.Request) -> Body:
    """At most `BODY_BYTES_LIMIT` of what is sent, and whether that is all."""
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > BODY_BYTES_LIMIT:
            return Body(bytes(data), whole=False)
    return Body(bytes(data), whole=True)
