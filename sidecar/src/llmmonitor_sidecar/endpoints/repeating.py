"""Tells reports again and again in one answer, to those few who asked for it (`report.repeated`).

What is not read is held by the kernel, and 64 KiB and a report here; where more waits for `WRITE_SECONDS`, or
the reader is gone, the answer is ended. The next question begins anew, so that nothing depends on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from llmmonitor_api.report.repeated import CONTENT_TYPE, HEADER, NotRepeated, Repeat, repeat_of
from llmmonitor_sidecar.endpoints.answer import Answer

AT_ONCE = 2
"""Of two leaders, while one follows the other; the oldest makes room."""
WRITE_SECONDS = 5.0
"""How long a reader may take for a report, beyond what is held for it."""
REQUEST_TIMEOUT = web.RequestKey("request_timeout", asyncio.Timeout)
"""What the middleware has set; it is taken off where an answer goes on."""


class Repeating:
    """The answers that are under way."""

    def __init__(
        self,
        set_by: Callable[[asyncio.Event, float], Awaitable[bool]] | None = None,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        """None yet.

        Args:
            set_by: waits until a time of the loop's clock; whether the event was set before.
            write_seconds: see `WRITE_SECONDS`.
        """
        self._write_seconds = write_seconds
        self._set_by = set_by or _set_by
        self._ended: list[asyncio.Event] = []
        """One for each answer that is under way, the oldest first; set when it is to end."""

    async def give(
        self, request: web.Request, first: Answer, again: Callable[[], Answer]
    ) -> web.StreamResponse | None:
        """`first` and what `again` gives, a line each, until as many are told or it is ended.

        None: nothing was told, as `first` is no report or the only one that was asked for.

        Raises:
            HTTPBadRequest: it asks for what cannot be done.
            Exception: what `again` raises; the connection is closed then, as the answer has begun.
        """
        if first.status != web.HTTPOk.status_code or request.method != hdrs.METH_GET:
            return None
        try:
            repeat = repeat_of(request.headers.get(HEADER, ""))
        except NotRepeated as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        if repeat is None:
            return None
        request[REQUEST_TIMEOUT].reschedule(None)
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.CACHE_CONTROL: "no-store"}
        )
        ended = asyncio.Event()
        self._ended.append(ended)
        for oldest in self._ended[:-AT_ONCE]:
            oldest.set()
        try:
            await self._tell(request, response, first, repeat, again, ended)
        except _NobodyReads:
            _abort(request)
        except BaseException:
            _abort(request)
            raise
        finally:
            self._ended.remove(ended)
        return response

    async def _tell(  # noqa: PLR0913, PLR0917 - all that is told, and to whom
        self,
        request: web.Request,
        response: web.StreamResponse,
        first: Answer,
        repeat: Repeat,
        again: Callable[[], Answer],
        ended: asyncio.Event,
    ) -> None:
        began, told = asyncio.get_running_loop().time(), first
        await _written(response.prepare(request), self._write_seconds)
        for number in range(1, repeat.times + 1):
            await _written(response.write(told.body + b"\n"), self._write_seconds)
            if number == repeat.times or await self._set_by(ended, began + number * repeat.every_seconds):
                return
            if request.transport is None or request.transport.is_closing():  # aiohttp does not say so
                raise _NobodyReads
            told = again()

    async def end(self) -> None:
        """All: the sidecar stops."""
        for ended in self._ended:
            ended.set()


class _NobodyReads(Exception):
    """Or nobody is there."""


async def _written(writing: Awaitable[object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await writing
    except (ConnectionError, TimeoutError) as error:
        raise _NobodyReads from error


def _abort(request: web.Request) -> None:
    """Nothing else can be said where an answer has begun."""
    if request.transport is not None:
        request.transport.abort()


async def _set_by(event: asyncio.Event, when: float) -> bool:
    """Wait until then (of the loop's clock); whether it was set before."""
    try:
        async with asyncio.timeout_at(when):
            await event.wait()
    except TimeoutError:
        return False
    return True
