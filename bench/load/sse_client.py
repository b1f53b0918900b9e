"""The client's end of one connection: sends a request, notes when each stamped event comes back.

Parsing is httptools' (a proxy may re-chunk the body anywhere, also inside a stamp); what is read out of the
body is only the stamps, the usage and the id. Makes no decisions about load: `drive.py` does.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable
from typing import cast

import httptools
from bench.load.plan import Plan, Record
from bench.model_server import STAMP_DIGITS, STAMP_MARK

_MARK_LENGTH = len(STAMP_MARK)
_USAGE = re.compile(rb'"completion_tokens":\s*(\d+)')
_ID = re.compile(rb'"id":\s*"([^"]+)"')


class Window:
    """The measured time; tokens outside it are not recorded. Counts the tokens inside."""

    __slots__ = ("end_ns", "start_ns", "tokens")

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.tokens = 0

    def holds(self, at_ns: int) -> bool:
        """Whether a moment lies in the measured time."""
        return self.start_ns <= at_ns < self.end_ns


class BodyReader:
    """Finds events and their stamps in a body split anywhere. Pure: is told the time of each piece."""

    __slots__ = ("_carry", "_detail", "_record", "_window")

    def __init__(self, record: Record, window: Window, detail: str) -> None:
        self._record = record
        self._window = window
        self._detail = detail
        self._carry = b""

    def feed(self, piece: bytes, now_ns: int) -> int:
        """Take one piece of the body, received at `now_ns`; the number of tokens completed by it."""
        events = (self._carry + piece if self._carry else piece).split(b"\n\n")
        self._carry = events.pop()
        record = self._record
        before = record.tokens
        recorded = self._window.holds(now_ns)
        for event in events:
            mark = event.find(STAMP_MARK)
            if mark < 0:
                self._without_stamp(event)
                continue
            stamp_ns = int(event[mark + _MARK_LENGTH : mark + _MARK_LENGTH + STAMP_DIGITS])
            record.tokens += 1
            record.last_token_ns = now_ns
            if not record.first_token_ns:
                record.first_token_ns = now_ns
                record.first_stamp_ns = stamp_ns
            if self._detail == "arrivals":
                record.arrival_ns.append(now_ns)
            if recorded and self._detail != "count":
                record.hop_ns.append(now_ns - stamp_ns)
        found = record.tokens - before
        if recorded:
            self._window.tokens += found
        return found

    def _without_stamp(self, event: bytes) -> None:
        """The role-only delta, the finish, the usage, or `[DONE]`."""
        if not self._record.id and (identity := _ID.search(event)) is not None:
            self._record.id = identity[1].decode()
        if (usage := _USAGE.search(event)) is not None:
            self._record.usage_tokens = int(usage[1])


class Client(asyncio.Protocol):
    """One connection.

    `done(client)` is called when a request has ended, well or with `record.error` set; `release(id)` for
    every token of an answer in lock step.
    """

    def __init__(
        self,
        plan: Plan,
        window: Window,
        done: Callable[["Client"], None],
        release: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._window = window
        self._done = done
        self._release = release if not plan.tokens_per_second else None
        self._parser: httptools.HttpResponseParser | None = None
        self._now_ns = 0
        self.transport: asyncio.Transport | None = None
        self.record: Record | None = None
        self._reader: BodyReader | None = None
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def send(self, record: Record, request: bytes) -> None:
        """Send one request; its answer is noted in `record`."""
        assert self.transport is not None  # noqa: S101 - drive.py sends only on made connections
        self.record = record
        self._reader = BodyReader(record, self._window, self._plan.detail)
        self._parser = httptools.HttpResponseParser(self)
        record.client_port = self.transport.get_extra_info("sockname")[1]
        descriptor = self.transport.get_extra_info("socket").fileno()
        record.sent_ns = time.monotonic_ns()
        try:
            sent = os.write(
                descriptor, request
            )  # now, not when the loop's turn ends: the stamp is to be true
        except BlockingIOError:
            sent = 0
        except OSError:
            self.transport.abort()  # its end ends the record, as an error
            return
        if sent < len(request):
            self.transport.write(request[sent:])

    def data_received(self, data: bytes) -> None:
        """Note the time first, then parse."""
        self._now_ns = time.monotonic_ns()
        if self._parser is None:
            self._end("bytes without a request")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"malformed answer: {error}")

    def on_body(self, body: bytes) -> None:
        """Called by httptools with each piece of the body."""
        if self._reader is None or self.record is None:
            return
        found = self._reader.feed(body, self._now_ns)
        if self._release is not None:
            for _ in range(found):
                self._release(self.record.id)

    def on_message_complete(self) -> None:
        """Called by httptools at the end of the answer."""
        if self.record is not None and self._parser is not None:
            self.record.status = self._parser.get_status_code()
            self.reusable = self._parser.should_keep_alive()
            self._end("" if self.record.status == 200 else f"status {self.record.status}")

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that had not ended is an error."""
        self.reusable = False
        if self.record is not None:
            self._end(f"connection lost: {exc}" if exc else "connection closed early")

    def _end(self, error: str) -> None:
        record, self.record, self._parser = self.record, None, None
        if record is None:
            return
        record.done_ns = self._now_ns or time.monotonic_ns()
        record.error = error
        if error:
            self.reusable = False
        self._done(self)
