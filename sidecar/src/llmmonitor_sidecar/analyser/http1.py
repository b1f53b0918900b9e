"""HTTP/1.1 messages of one direction, by llhttp (`httptools`), with the bounds that it does not have.

llhttp collects a header until its end, however long, and says nothing about where in the data an error stood.
It knows no request of a response: answers to HEAD are kept from it (`responses.py`). `httptools` has it skip
the body of a request that asks for an upgrade (as Java's client does on each first POST): such a body is read
by a second parser, which is shown no such header. Everything unreadable is one `Malformed` with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import httptools

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.signals.forwarded import HEADER as FORWARDED
from llmmonitor_sidecar.signals.forwarded import NO_PROXIES, Proxies
from llmmonitor_sidecar.signals.naming import NOBODY, Naming

REQUEST, RESPONSE = 0, 1
"""Directions: client to model, model to client."""

_PROBE_MARK = b"llm-monitor-probe"
_LOOKED_AT = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"upgrade",
        _PROBE_MARK,
    }
)


class Malformed(Exception):
    """The bytes can't be followed any further; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Head:
    """Start line and the headers that are looked at, of one message."""

    method: str = ""
    target: bytes = b""
    status: int = 0
    headers: dict[bytes, str] = field(default_factory=dict)

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when absent."""
        return self.headers.get(name, "")


class Owner(Protocol):
    """Who is told about the messages of one direction."""

    def on_begin(self) -> None:
        """The first byte of a message was seen."""

    def on_head(self, head: Head) -> None:
        """A head is complete.

        Raises:
            Malformed: what follows can't be told.
        """

    def on_body(self, data: bytes) -> None:
        """A piece of the body, without transfer coding."""

    def on_complete(self) -> None:
        """The message is complete."""


class MessageReader:
    """Reads the messages of one direction and tells `owner`."""

    __slots__ = (
        "_body_skipped",
        "_in_head",
        "_muted",
        "_naming",
        "_owner",
        "_parser",
        "_proxies",
        "_reason",
        "_size",
        "_target",
        "head",
        "on_body",
    )

    def __init__(
        self, direction: int, owner: Owner, naming: Naming = NOBODY, proxies: Proxies = NO_PROXIES
    ) -> None:
        """Args: naming, proxies: whose header is looked at as well."""
        self._owner = owner
        self._naming = naming
        self._proxies = proxies
        self.on_body = owner.on_body
        self.head = Head()
        self._in_head = False
        self._body_skipped = False
        self._muted = False
        self._size = 0
        self._reason = ""
        self._target = b""
        self._parser = (
            httptools.HttpRequestParser(self) if direction == REQUEST else httptools.HttpResponseParser(self)
        )

    @property
    def in_head(self) -> bool:
        """Whether a head has begun and is not complete."""
        return self._in_head

    def feed(self, data: bytes) -> int | None:
        """Take what arrived; return the offset where another protocol may begin (upgrade, CONNECT), or None.

        Raises:
            Malformed: the rest can't be followed; what the owner was told before stays true.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            offset = int(upgrade.args[0])
            if not self._body_skipped:
                return offset
            self._read_skipped_body()
            rest = self.feed(data[offset:])
            return None if rest is None else offset + rest
        except httptools.HttpParserCallbackError as error:
            if not self._reason:  # not ours: a defect, which must be seen and not be counted as bad input
                raise
            raise Malformed(self._reason) from error
        except httptools.HttpParserError as error:
            raise Malformed(_reason_of(error)) from None
        if self._in_head:
            # Headers not yet called back are held by the parser: count what it was given instead.
            self._size += len(data)
            if self._size > 2 * limits.HEAD_BYTES:
                raise Malformed("head_too_large")
        return None

    def end(self) -> None:
        """Nothing more is fed: parser and reader know each other, and would wait for the collector."""
        del self._parser

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self._muted:
            return
        self.head = Head()
        self._target = b""
        self._size = 0
        self._in_head = True
        self._owner.on_begin()

    def on_url(self, part: bytes) -> None:
        """Called by the parser, with pieces of the target."""
        if self._muted:
            return
        self._target += part
        if len(self._target) > limits.TARGET_BYTES:
            self._refuse("target_too_large")

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Called by the parser, for trailers too."""
        if self._muted:
            return
        self._size += len(name) + len(value or b"")
        if self._size > limits.HEAD_BYTES:
            self._refuse("head_too_large")
        if not self._in_head:
            return
        name = name.lower()
        if name == FORWARDED and self._proxies and value is not None:  # of a list the end, over all its lines
            known = self.head.headers.get(name, "")
            self.head.headers[name] = f"{known},{value.decode('latin-1')}"[-limits.HEADER_VALUE_BYTES :]
        elif (name in _LOOKED_AT or name == self._naming.header) and value is not None:
            limit = limits.PROBE_MARK_BYTES if name == _PROBE_MARK else limits.HEADER_VALUE_BYTES
            self.head.headers[name] = value[:limit].decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        if self._muted:
            return
        self._in_head = False
        self._size = 0
        head = self.head
        if isinstance(self._parser, httptools.HttpRequestParser):
            head.method = self._parser.get_method().decode("ascii", "replace")
            head.target = self._target
            self._body_skipped = (
                self._parser.should_upgrade() and head.method != "CONNECT" and _has_body(head)
            )
        else:
            head.status = self._parser.get_status_code()
        self._tell(head)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if not self._body_skipped:
            self._owner.on_complete()

    def _read_skipped_body(self) -> None:
        self._body_skipped = False
        self._parser = httptools.HttpRequestParser(self)
        framing = b"Transfer-Encoding: chunked"
        if not self.head.header(b"transfer-encoding"):
            framing = b"Content-Length: " + self.head.header(b"content-length").encode("latin-1")
        self._muted = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._muted = False

    def _tell(self, head: Head) -> None:
        try:
            self._owner.on_head(head)
        except Malformed as refused:
            self._refuse(refused.reason)

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        raise Malformed(reason)


def _has_body(head: Head) -> bool:
    return bool(head.header(b"transfer-encoding")) or head.header(b"content-length") not in ("", "0")


def until_close(head: Head) -> bool:
    """Whether a response's body is ended by the end of the connection (RFC 9112, section 6.3)."""
    if head.status < 200 or head.status in (204, 304):  # noqa: PLR2004 - the RFC's own list
        return False
    coding = head.header(b"transfer-encoding").lower()
    if coding:
        return not coding.endswith("chunked")
    return not head.header(b"content-length")


def _reason_of(error: httptools.HttpParserError) -> str:
    text = str(error)
    if "after `Connection: close`" in text:
        return "data_after_close"
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return "bad_method"
    if isinstance(error, httptools.HttpParserInvalidStatusError):
        return "bad_status"
    return "bad_framing" if "chunk" in text.lower() or "length" in text.lower() else "bad_syntax"
