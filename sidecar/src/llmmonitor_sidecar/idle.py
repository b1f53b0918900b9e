"""What a sidecar answers that cannot work: why, with 503, to whatever it is asked.

The operator may not read the logs of pods, so the reason stands where it looks for the report.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from aiohttp import web

from llmmonitor_sidecar.endpoints.answer import error
from llmmonitor_sidecar.endpoints.app import give
from llmmonitor_sidecar.endpoints.server import serving
from llmmonitor_sidecar.supervisor import privileges

DEFAULT_PORT = 14002
RETRY_SECONDS = 5.0
STOP = (signal.SIGTERM, signal.SIGINT)
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65535

_log = logging.getLogger(__name__)


def answer(message: str) -> None:
    """Leave all privileges, and answer until SIGTERM or SIGINT."""
    privileges.leave_everything()
    asyncio.run(_answer(message))


def port_of(text: str) -> int:
    """The API port, as far as it can be read."""
    port = int(text) if text.isascii() and text.isdecimal() else 0
    return port if _LOWEST_PORT <= port <= _HIGHEST_PORT else DEFAULT_PORT


async def _answer(message: str) -> None:
    told = asyncio.Event()
    for number in STOP:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
    async with asyncio.TaskGroup() as group:
        server = group.create_task(_serve(message))
        await told.wait()
        server.cancel()


async def _serve(message: str) -> None:
    port = port_of(os.environ.get("LLM_MONITOR_API_PORT", ""))
    host = "::" if ":" in os.environ.get("LLM_MONITOR_POD_IP", "") else "0.0.0.0"

    async def refuse(_request: web.Request) -> web.Response:
        return give(error(503, "sidecar_idle", message))

    while True:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", refuse)
        try:
            async with serving(app, host, port):
                await asyncio.Event().wait()
        except OSError as problem:
            _log.warning("no answers on port %d: %s; trying on", port, problem)
            await asyncio.sleep(RETRY_SECONDS)
