"""Keeps the load of a plan going: when requests begin, on which connections, and when it is over.

Open loop: arrivals are drawn beforehand and do not wait for answers. Closed loop: an answer's end is the next
request's beginning. Both bounded: in time by the plan, in number by `max_in_flight`.
"""

import asyncio
import collections
import contextlib
import json
import random
import time
from collections.abc import Callable

from bench.load.plan import Ended, Finished, Plan, Record, Started
from bench.load.sse_client import Client, Window

CONNECT_TIMEOUT_SECONDS = 5.0


def request_bytes(plan: Plan) -> bytes:
    """The HTTP request that asks the model server for the plan's answer."""
    body = json.dumps(
        {
            "model": plan.model,
            "stream": True,
            "max_tokens": plan.tokens,
            "messages": [{"role": "user", "content": "Say tok."}],
            "stream_options": {"include_usage": True},
            "metadata": {
                "tokens_per_second": str(plan.tokens_per_second),
                "first_token_seconds": str(plan.first_token_seconds),
            },
        }
    ).encode()
    head = (
        f"POST {plan.path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def arrivals(plan: Plan) -> list[float]:
    """Seconds after the start at which an open loop begins its requests (Poisson, from the plan's seed)."""
    if plan.requests_per_second is None:
        return []
    chance = random.Random(plan.seed)
    moments: list[float] = []
    at = chance.expovariate(plan.requests_per_second)
    while at < plan.warmup_seconds + plan.seconds:
        moments.append(at)
        at += chance.expovariate(plan.requests_per_second)
    return moments


class Drive:
    """One run of one plan; `release` lets the model server's answers in lock step go on."""

    def __init__(
        self, plan: Plan, tell: Callable[[Started | Ended], None], release: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._release = release
        self._loop = asyncio.get_running_loop()
        start_ns = time.monotonic_ns()
        self._begin = self._loop.time()
        warm_ns = start_ns + int(plan.warmup_seconds * 1e9)
        self._window = Window(warm_ns, warm_ns + int(plan.seconds * 1e9))
        self._request = request_bytes(plan)
        self._idle: collections.deque[Client] = collections.deque()
        self._busy: dict[Client, Record] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._records: list[Record] = []
        self._stopped = False
        self._quiet = asyncio.Event()
        self._count = 0
        self._refused = 0

    async def run(self) -> Finished:
        """Drive the load to its end and return what was seen."""
        plan = self._plan
        if plan.requests_per_second is None:
            for index in range(plan.streams):
                self._loop.call_at(self._begin + plan.stagger_seconds * index / plan.streams, self._next)
        else:
            for moment in arrivals(plan):
                self._loop.call_at(self._begin + moment, self._next)
        await asyncio.sleep(max(0.0, self._begin + plan.warmup_seconds - self._loop.time()))
        self._tell(Started(time.monotonic_ns(), len(self._busy)))
        end = self._begin + plan.warmup_seconds + plan.seconds
        await asyncio.sleep(max(0.0, end - self._loop.time()))
        self._tell(Ended(time.monotonic_ns(), self._window.tokens))
        self._stopped = True
        if self._busy or self._connecting:
            with contextlib.suppress(TimeoutError):  # what is still in flight is cut off below, and counted
                await asyncio.wait_for(self._quiet.wait(), plan.drain_seconds)
        return await self._finish()

    async def _finish(self) -> Finished:
        cut = list(self._busy.items())
        self._busy.clear()
        for task in list(self._connecting):
            task.cancel()
        for client, record in cut:
            client.record = None
            if record.hop_ns or (record.tokens and self._window.holds(record.begun_ns)):
                self._records.append(record)
        for client in [*(client for client, _ in cut), *self._idle]:
            if client.transport is not None:
                client.transport.abort()
        await asyncio.sleep(0.01)  # lets the sockets close before the next plan begins
        return Finished(self._records, len(cut), self._refused)

    def _next(self) -> None:
        if self._stopped:
            return
        if len(self._busy) + len(self._connecting) >= self._plan.max_in_flight:
            self._refused += 1
            return
        self._count += 1
        wants_new = self._plan.connections == "new" or (
            self._plan.connections == "alternate" and self._count % 2 == 0
        )
        begun_ns = time.monotonic_ns()
        if not wants_new:
            while self._idle:
                client = self._idle.popleft()
                if client.reusable:
                    self._send(client, Record(new_connection=False, begun_ns=begun_ns))
                    return
        task = self._loop.create_task(self._connect(begun_ns))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, begun_ns: int) -> None:
        plan = self._plan
        record = Record(new_connection=True, begun_ns=begun_ns)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                _, client = await self._loop.create_connection(
                    lambda: Client(plan, self._window, self._ended, self._release), plan.host, plan.port
                )
        except OSError as error:  # TimeoutError is one
            record.error = f"connect: {type(error).__name__}"
            record.done_ns = time.monotonic_ns()
            self._records.append(record)
            return
        self._send(client, record)

    def _send(self, client: Client, record: Record) -> None:
        self._busy[client] = record
        client.send(record, self._request)

    def _ended(self, client: Client) -> None:
        record = self._busy.pop(client, None)
        if record is None:
            return
        if record.hop_ns or record.error or self._window.holds(record.begun_ns):
            self._records.append(record)
        keeps = client.reusable and not (self._plan.connections != "kept" and record.new_connection)
        if keeps or (self._plan.connections == "alternate" and client.reusable and self._wants_idle()):
            self._idle.append(client)
        elif client.transport is not None:
            client.transport.close()
        if self._plan.requests_per_second is None and not self._stopped:
            self._loop.call_soon(self._next)
        if self._stopped and not self._busy and not self._connecting:
            self._quiet.set()

    def _wants_idle(self) -> bool:
        return len(self._idle) < self._plan.streams
