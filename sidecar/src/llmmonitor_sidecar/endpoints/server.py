"""Binds the application to a port, with every resource a stranger could take from us bounded.

aiohttp bounds header and body sizes and closes connections that stay idle or send a request too slowly; it
does not bound their number, and it answers and logs what is no HTTP in its own way. Here the connection that
is open longest makes room for a new one (refusing the new one instead would let whoever holds all of them
lock out the operator), and a stranger's garbage is answered shortly and not logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

CONNECTIONS_LIMIT = 64
IDLE_SECONDS = 75.0
"""Longer than most scrape intervals (60 s), so that scrapers reuse their connection."""
_SHUTDOWN_SECONDS = 2.0
_HEADER_BYTES_LIMIT = 8 * 1024

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, connections_limit: int = CONNECTIONS_LIMIT
) -> AsyncIterator[int]:
    """Serve `app` as long as the context lasts; gives the port (a free one for 0).

    Raises:
        OSError: if the address cannot be bound.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        if runner.server is None:
            raise RuntimeError("aiohttp made no server although it was set up")
        server = await asyncio.get_running_loop().create_server(
            _bounded(runner.server, connections_limit),
            host,
            port,
            reuse_address=True,
            backlog=connections_limit,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _bounded(server: web.Server, limit: int) -> Callable[[], asyncio.Protocol]:
    """A protocol factory that makes room for each new connection by closing the oldest ones."""
    loop = asyncio.get_running_loop()

    def connected() -> asyncio.Protocol:
        now_open = server.connections  # oldest first
        for oldest in now_open[: max(0, len(now_open) - limit + 1)]:
            oldest.force_close()
        return _Handler(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None means none, as AppRunner's documentation says
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=_HEADER_BYTES_LIMIT,
            max_field_size=_HEADER_BYTES_LIMIT,
            lingering_time=0.0,
            auto_decompress=False,
        )

    return connected


class _Handler(RequestHandler):
    """A connection whose answer to what is no HTTP says nothing about us."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature; it would repeat what was sent
    ) -> web.StreamResponse:
        """The whole answer to a request that never reached the application."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun when it failed") from exc
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("failed outside the application: %s", request.rel_url.path, exc_info=exc)
        response = web.Response(status=status, headers={hdrs.SERVER: ""})
        response.force_close()
        return response
