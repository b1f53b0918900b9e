"""A model server that invents its answers, at a pace the request asks for: the far end of every benchmark.

It speaks enough of OpenAI's chat completions (SSE and plain JSON) for proxies, parsers and load programs,
and puts the monotonic time of sending into every event (`stamp_ns`), so that whoever receives it knows the
age of what it reads. The request's `metadata` sets the pace: `first_token_seconds`, `tokens_per_second`,
where 0 means lock step: a token leaves when `Server.release` says that the one before has arrived. The load
program runs this server in its own process and so saturates a proxy with tokens none of which can be joined
with the next. `GET /small` answers at once, for requests per second; `GET /exchanges` says when each
exchange was received and its tokens sent, as the truth for other people's measuring programs.
"""

import argparse
import asyncio
import collections
import gc
import itertools
import os
import sys
import time
from collections.abc import Sequence
from typing import cast

import msgspec
import uvloop

STAMP_MARK = b'"stamp_ns":"'
STAMP_DIGITS = 19
MAX_TOKENS = 10_000_000
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024
KEPT_EXCHANGES = 100_000

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_SMALL = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 32\r\n\r\n"
    b'{"status":"ok","padding":"0000"}'
)


class ChatRequest(msgspec.Struct):
    """The members of a chat completion request that this server heeds."""

    model: str = "paced"
    stream: bool = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    metadata: dict[str, str] = {}


class Exchange(msgspec.Struct):
    """When one request was read and its tokens written: CLOCK_MONOTONIC ns, 0 where that did not happen."""

    id: str
    received_ns: int
    first_token_ns: int = 0
    last_token_ns: int = 0
    tokens: int = 0
    sent_ns: list[int] = []
    """Every token's time, only where the request's metadata says `keep_stamps`."""


class Defaults(msgspec.Struct, frozen=True):
    """The pace of a request that names none."""

    first_token_seconds: float = 0.02
    tokens_per_second: float = 50.0
    tokens: int = 16


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Answer:
    """One streamed answer: knows its next event, and nothing of time or sockets."""

    __slots__ = ("_after", "_before", "exchange", "keep_stamps", "period_seconds", "remaining", "tokens")

    def __init__(self, exchange: Exchange, model: str, tokens: int, tokens_per_second: float) -> None:
        self.exchange = exchange
        self.keep_stamps = False
        self.tokens = tokens
        self.remaining = tokens
        self.period_seconds = 1 / tokens_per_second if tokens_per_second > 0 else 0.0
        prefix = self._json_head(model)
        before = b"data: " + prefix + b'"choices":[{"index":0,"delta":{"content":" tok"}}],' + STAMP_MARK
        after = b'"}\n\n'
        length = len(before) + STAMP_DIGITS + len(after)
        self._before = b"%x\r\n%b" % (length, before)
        self._after = after + b"\r\n"

    def _json_head(self, model: str) -> bytes:
        return b'{"id":"%b","object":"chat.completion.chunk","created":1700000000,"model":"%b",' % (
            self.exchange.id.encode(),
            model.encode(),
        )

    def opening(self, model: str) -> bytes:
        """The response head and the role-only delta that precede the first token."""
        role = b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
        return _STREAM_HEAD + _chunk(b"data: " + self._json_head(model) + role)

    def event(self, now_ns: int) -> bytes:
        """One token, stamped with `now_ns`."""
        self.remaining -= 1
        if self.keep_stamps:
            self.exchange.sent_ns.append(now_ns)
        return b"%b%019d%b" % (self._before, now_ns, self._after)

    def closing(self, model: str) -> bytes:
        """Finish reason, usage, `[DONE]` and the end of the chunked body."""
        head = self._json_head(model)
        finish = b"data: " + head + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
        usage = (
            b'data: %b"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":%d,"total_tokens":%d}}\n\n'
            % (
                head,
                self.tokens,
                self.tokens + 8,
            )
        )
        return _chunk(finish) + _chunk(usage) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Server:
    """What all connections share: the clock's loop, the defaults, the record of exchanges."""

    def __init__(self, loop: asyncio.AbstractEventLoop, defaults: Defaults) -> None:
        self.loop = loop
        self.defaults = defaults
        self.lock_step: dict[str, Connection] = {}
        self.exchanges: collections.deque[Exchange] = collections.deque(maxlen=KEPT_EXCHANGES)
        self._numbers = itertools.count(1)

    def begin(self, now_ns: int) -> Exchange:
        """A new exchange with an id of fixed width."""
        exchange = Exchange(f"chatcmpl-{next(self._numbers):09d}", now_ns)
        self.exchanges.append(exchange)
        return exchange

    def release(self, exchange_id: str) -> None:
        """The last token of an answer in lock step has arrived: send its next."""
        connection = self.lock_step.get(exchange_id)
        if connection is not None:
            connection.send_next()


class Connection(asyncio.Protocol):
    """One client: reads requests one after another, answers each before it reads the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._answer: Answer | None = None
        self._model = "paced"
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket: events are written to it at once, not at the end of the loop's turn."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._fd: int = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop whatever was being answered."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        if self._answer is not None:
            self._server.lock_step.pop(self._answer.exchange.id, None)
        self._answer = None

    def data_received(self, data: bytes) -> None:
        """Collect one whole request, then answer it."""
        self._buffer += data
        if self._answer is None and self._timer is None:
            self._read_request()

    def _read_request(self) -> None:
        while self._answer is None and self._timer is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    self._transport.abort()
                return
            head = self._buffer[:end]
            length = _content_length(head)
            if length > MAX_BODY_BYTES:
                self._transport.abort()
                return
            body = self._buffer[end + 4 : end + 4 + length]
            if len(body) < length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._respond(head, body)

    def _respond(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /small"):
            self._write(_SMALL)
        elif head.startswith(b"GET /exchanges"):
            self._send_json(msgspec.json.encode(list(self._server.exchanges)))
        elif head.startswith(b"GET"):
            self._send_json(b'{"object":"list","data":[{"id":"paced","object":"model","owned_by":"bench"}]}')
        else:
            self._chat(body)

    def _chat(self, body: bytes) -> None:
        now_ns = time.monotonic_ns()
        try:
            request = msgspec.json.decode(body, type=ChatRequest)
            defaults = self._server.defaults
            first = float(request.metadata.get("first_token_seconds", defaults.first_token_seconds))
            rate = float(request.metadata.get("tokens_per_second", defaults.tokens_per_second))
        except (msgspec.DecodeError, ValueError) as error:
            self._send_json(msgspec.json.encode({"error": {"message": str(error)}}), b"400 Bad Request")
            return
        asked = request.max_completion_tokens or request.max_tokens or defaults.tokens
        tokens = max(1, min(asked, MAX_TOKENS))
        self._model = request.model
        answer = Answer(self._server.begin(now_ns), request.model, tokens, rate)
        answer.keep_stamps = "keep_stamps" in request.metadata
        loop = self._server.loop
        if not request.stream:
            whole = first + (tokens - 1) * answer.period_seconds
            self._timer = loop.call_later(whole, self._send_whole, answer)
            return
        self._answer = answer
        self._next_at = loop.time() + first
        self._timer = loop.call_at(self._next_at, self._send_first)

    def _send_whole(self, answer: Answer) -> None:
        self._timer = None
        exchange, tokens = answer.exchange, answer.tokens
        exchange.first_token_ns = exchange.last_token_ns = time.monotonic_ns()
        exchange.tokens = tokens
        message = {"role": "assistant", "content": " tok" * tokens}
        self._send_json(
            msgspec.json.encode(
                {
                    "id": exchange.id,
                    "object": "chat.completion",
                    "created": 1_700_000_000,
                    "model": self._model,
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 8, "completion_tokens": tokens, "total_tokens": tokens + 8},
                    "stamp_ns": f"{exchange.first_token_ns:019d}",
                }
            )
        )
        self._read_request()

    def _send_first(self) -> None:
        answer = self._answer
        if answer is None:
            return
        opening = answer.opening(self._model)
        now_ns = time.monotonic_ns()
        answer.exchange.first_token_ns = now_ns
        self._write(opening + answer.event(now_ns))
        self._schedule(answer)

    def _schedule(self, answer: Answer) -> None:
        if not answer.remaining:
            self._finish(answer)
        elif answer.period_seconds:
            self._next_at += answer.period_seconds
            self._timer = self._server.loop.call_at(self._next_at, self._send_paced)
        else:
            self._server.lock_step[answer.exchange.id] = self

    def _send_paced(self) -> None:
        answer = self._answer
        if answer is not None:
            self._write(answer.event(time.monotonic_ns()))
            self._schedule(answer)

    def send_next(self) -> None:
        """The next event of an answer in lock step."""
        answer = self._answer
        if answer is None:
            return
        self._write(answer.event(time.monotonic_ns()))
        if not answer.remaining:
            del self._server.lock_step[answer.exchange.id]
            self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        answer.exchange.last_token_ns = time.monotonic_ns()
        answer.exchange.tokens = answer.tokens
        self._answer = None
        self._timer = None
        self._write(answer.closing(self._model))
        self._read_request()

    def _send_json(self, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._write(head % (status, len(body)) + body)

    def _write(self, data: bytes) -> None:
        """Write at once, so that a stamp is as old as the system call; the transport keeps what is left."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size():
            self._transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._transport.abort()
            return
        if sent < len(data):
            self._transport.write(data[sent:])


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    value = lowered[at + 17 :].split(b"\r\n", 1)[0].strip()
    return int(value) if value.isdigit() else 0


async def listen(defaults: Defaults, port: int = 0) -> tuple[Server, int]:
    """Serve on loopback for as long as the running loop runs; the server and its port."""
    loop = asyncio.get_running_loop()
    server = Server(loop, defaults)
    listener = await loop.create_server(lambda: Connection(server), "127.0.0.1", port, backlog=4096)
    bound: int = listener.sockets[0].getsockname()[1]
    return server, bound


async def serve(defaults: Defaults, port: int) -> None:
    """Serve until the standard input closes, and print the port as the first line."""
    loop = asyncio.get_running_loop()
    _, bound = await listen(defaults, port)
    print(bound, flush=True)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in mid-stream would be measured as a proxy's jitter
    await loop.run_in_executor(None, sys.stdin.buffer.read)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the server as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=Defaults().tokens)
    parser.add_argument("--tokens-per-second", type=float, default=Defaults().tokens_per_second)
    parser.add_argument("--first-token-seconds", type=float, default=Defaults().first_token_seconds)
    options = parser.parse_args(arguments)
    defaults = Defaults(options.first_token_seconds, options.tokens_per_second, options.tokens)
    uvloop.run(serve(defaults, options.port))


if __name__ == "__main__":
    main()
