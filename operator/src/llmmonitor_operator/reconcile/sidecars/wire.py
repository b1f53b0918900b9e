"""HTTP/1.1 with sidecars over connections that stay open; `connection` reads one, this keeps them.

Ten thousand reports in fifteen seconds are asked for one small request at a time, always in the same words; a
general client takes longer for each than all that is done with its report (docs/design/scale.md). So: one
request on a connection at a time; no redirects, no compression, no cookies; and the time that an answer takes
is bounded. A connection on which a report is told again and again is kept apart until that is over or another
question for a report comes, which closes it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_operator.reconcile.sidecars.connection import Answer, Connection, Unread
from llmmonitor_operator.reconcile.sidecars.deadlines import Deadlines

TIMEOUT_SECONDS = 3.0


@dataclass(slots=True)
class Asked:
    """A request that was sent, and whose answer is waited for; not frozen, as `heard.Heard`."""

    place: tuple[str, int]
    connection: Connection
    waiting: asyncio.Future[Answer]


class Connections:
    """Open connections, as many as are allowed; the one that is idle longest makes room."""

    def __init__(
        self, bytes_limit: int, limit: int = 1024, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Nothing is open yet.

        Args:
            bytes_limit: of a body; what is longer is cut off a little later.
            limit: of idle connections, and of those on which more lines are to come.
            timeout_seconds: of an answer, a connection that is made for it included; a little more may pass.
        """
        self._deadlines = Deadlines(timeout_seconds)
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._unread = Unread()
        self._idle: OrderedDict[tuple[str, int], Connection] = OrderedDict()
        self._going_on: dict[tuple[str, int], Connection] = {}
        """On which more lines are to come."""

    async def ask(self, host: str, port: int, request: bytes, *, beside: bool = False) -> Answer:
        """The answer to `request`, which is a whole one.

        Args:
            host: whom to ask.
            port: the same.
            request: see there.
            beside: whether lines that are to come from there may go on coming meanwhile.

        Raises:
            OSError: there is no connection to be had.
            TimeoutError: not in time.
            Broken: it ended too early.
            NotHttp: what came is no answer.
        """
        place = host, port
        connection = self._idle_one(place) if beside else self._taken(place)
        if connection is None:
            async with asyncio.timeout(self._deadlines.seconds):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(self._connection, host, port)
                return await self.answer(Asked(place, connection, connection.ask(request)))
        return await self.answer(self._asked(place, connection, request))

    def begin(self, host: str, port: int, request: Callable[[], bytes], lines: int = 0) -> Asked | None:
        """Ask without waiting, on a connection that is idle; None where there is none, and nothing is asked.

        Whoever asked waits by `answer`, or gives up by `drop`.

        Args:
            host: whom to ask.
            port: the same.
            request: makes a whole one.
            lines: how many it asks for at most (`report.repeated`); what comes with the head is the answer,
                and the others are had by `take_line`. 0: it asks for one report.
        """
        place = host, port
        connection = self._taken(place)
        return None if connection is None else self._asked(place, connection, request(), lines)

    def take_line(self, host: str, port: int) -> bytes | None:
        """The newest line that came from there since the answer, or since this was asked last.

        None where none came; if more were to come, no more are waited for.
        """
        place = host, port
        connection = self._going_on.get(place)
        if connection is None:
            idle = self._idle.get(place)
            return None if idle is None else idle.take_line()
        line = connection.take_line()
        if line is None:
            connection.close()
        return line

    async def answer(self, asked: Asked) -> Answer:
        """The answer to what was begun.

        Raises:
            TimeoutError: not in time.
            Broken: it ended too early.
            NotHttp: what came is no answer.
        """
        connection, place = asked.connection, asked.place
        try:
            answer = await asked.waiting
        except BaseException:
            connection.close()
            connection.end()
            raise
        if connection.goes_on:
            self._go_on(place, connection)
        else:
            self._end(place, connection)
        return answer

    def _go_on(self, place: tuple[str, int], connection: Connection) -> None:
        def is_over() -> None:
            if self._going_on.get(place) is connection:
                del self._going_on[place]
            self._end(place, connection)

        connection.go_on(is_over)
        self._going_on[place] = connection
        self._make_room()
        if len(self._going_on) > self._limit:
            connection.close()

    def drop(self, asked: Asked) -> None:
        """Wait no more for what was begun."""
        if asked.waiting.done() and not asked.waiting.cancelled():
            asked.waiting.exception()  # of no interest to anybody
        asked.connection.close()
        asked.connection.end()

    def _asked(self, place: tuple[str, int], connection: Connection, request: bytes, lines: int = 0) -> Asked:
        self._deadlines.begin(connection, connection.asked + 1)
        return Asked(place, connection, connection.ask(request, lines))

    def _connection(self) -> Connection:
        return Connection(self._bytes_limit, self._unread)

    def close(self) -> None:
        """All of them."""
        self._deadlines.close()
        for connection in list(self._going_on.values()):
            connection.close()
        while self._idle:
            self._idle.popitem()[1].close()

    def _taken(self, place: tuple[str, int]) -> Connection | None:
        going_on = self._going_on.pop(place, None)
        if going_on is not None:
            going_on.close()
        return self._idle_one(place)

    def _idle_one(self, place: tuple[str, int]) -> Connection | None:
        connection = self._idle.pop(place, None)
        if connection is None or connection.usable(asyncio.get_running_loop().time()):
            return connection
        connection.close()
        return None

    def _end(self, place: tuple[str, int], connection: Connection) -> None:
        """Its answer is whole: it waits for another question."""
        connection.end()
        if not connection.usable(asyncio.get_running_loop().time()) or place in self._idle:
            connection.close()
            return
        self._idle[place] = connection
        self._make_room()

    def _make_room(self) -> None:
        while self._idle and len(self._idle) + len(self._going_on) > self._limit:
            self._idle.popitem(last=False)[1].close()
