"""HTTP/1.1 for a simulated sidecar: keep-alive, bodies by Content-Length, and lines that go on in time.

A framework takes half a millisecond for a request; at thirteen hundred a second the machine would measure
that. Whoever asks is a program of ours or Prometheus, so what is not understood ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from llmmonitor_api.report.repeated import CONTENT_TYPE, Repeat, repeat_of
from llmmonitor_api.report.repeated import HEADER as REPEAT
from llmmonitor_api.report.told import HEADER

_HEAD_BYTES_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and at which of our addresses."""

    address: str
    method: str
    path: str
    authorization: str
    body: bytes
    has: str = ""
    """The report that the reader has (`report.told`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said."""

    status: int
    body: bytes
    content_type: str = "application/json"
    again: Callable[[], bytes] | None = None
    """Makes the body anew, for who asks for it again and again."""


Answering = Callable[[Request], Answer | None]
"""None: it is left unanswered."""


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Our address is the pod's."""
        self._transport = cast("asyncio.Transport", transport)
        self._address = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).decode("latin-1")
            length = int(_header(head, "content-length") or 0)
            if len(self._received) < end + 4 + length:
                return
            body = bytes(self._received[end + 4 : end + 4 + length])
            del self._received[: end + 4 + length]
            self._say(head, body)
        if len(self._received) > _HEAD_BYTES_LIMIT and self._transport is not None:
            self._transport.close()

    def _say(self, head: str, body: bytes) -> None:
        method, path, _ = head.split(" ", 2)
        answer = self._answer(
            Request(
                self._address,
                method,
                path,
                _header(head, "authorization"),
                body,
                _header(head, HEADER.lower()),
            )
        )
        repeat = repeat_of(_header(head, REPEAT.lower()))
        if repeat is not None and answer is not None and answer.again is not None:
            self._begin(answer.body, answer.again, repeat)
            return
        if self._transport is not None and answer is not None:
            phrase = HTTPStatus(answer.status).phrase
            self._transport.write(
                f"HTTP/1.1 {answer.status} {phrase}\r\nContent-Type: {answer.content_type}\r\n"
                f"Content-Length: {len(answer.body)}\r\nCache-Control: no-store\r\n\r\n".encode()
                + answer.body
            )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Nothing more is said."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, first: bytes, again: Callable[[], bytes], repeat: Repeat) -> None:
        if self._transport is not None:
            self._transport.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            self._go_on(first, again, repeat, 1, asyncio.get_running_loop().time())

    def _go_on(
        self, body: bytes, again: Callable[[], bytes], repeat: Repeat, number: int, began: float
    ) -> None:
        if self._transport is None:
            return
        chunk = b"%x\r\n%b\n\r\n" % (len(body) + 1, body)
        is_last = number == repeat.times
        self._transport.write(chunk + b"0\r\n\r\n" if is_last else chunk)
        if not is_last:
            self._timer = asyncio.get_running_loop().call_at(
                began + number * repeat.every_seconds,
                lambda: self._go_on(again(), again, repeat, number + 1, began),
            )


def _header(head: str, name: str) -> str:
    at = head.lower().find(f"\r\n{name}:")
    return head[at + len(name) + 3 :].split("\r\n", 1)[0].strip() if at >= 0 else ""
