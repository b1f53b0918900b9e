"""Makes the owner's checks on requests that have ended, in slices beside the detectors, and counts.

What is not checked for want of CPU or room is said by the counts: `exchanges` has it, `valid` and `invalid`
have not, and `too_large` those whose body a check would take too long over. Bodies are kept while an exchange
lasts and until they were looked at, in bounded room; where nothing is to be checked they are let go at once.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.requests import DETAILS_LIMIT, OTHER, CheckCounts, RequestCounts, detail_key
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, TokenSource
from llmmonitor_sidecar.checks.request import Request
from llmmonitor_sidecar.checks.table import Check, checks_of
from llmmonitor_sidecar.json_schema import TooLarge

BODY_BYTES_LIMIT = 262_144
"""Of a longer request nothing is checked."""
WAITING_LIMIT = 256
ROOM_BYTES = 4 * 1024 * 1024
SLICE_NANOSECONDS = 2_000_000
"""CPU that one call of `work` may take, over all of them."""


@dataclass(frozen=True, slots=True)
class _InForce:
    setting: RequestChecksSetting
    checks: dict[str, Check]


class RequestChecks:
    """Told of every event; its owner calls `work` now and then. From one thread."""

    def __init__(self, totals: Totals, clock: Callable[[], int] = time.thread_time_ns) -> None:
        """`clock`: CPU nanoseconds that this thread has taken."""
        self._totals = totals
        self._clock = clock
        self._in_force: _InForce | None = None
        self._engine = ""
        self._context_tokens: int | None = None
        self._waiting: deque[Request] = deque()
        self._waiting_bytes = 0
        self._left_ns = 0
        self._begin("")

    def _begin(self, setting: str) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        self._counts = RequestCounts(setting=setting)
        self._checks: dict[str, CheckCounts] = {}
        self._details: Counter[str] = Counter()
        self._publish()

    def configure(self, setting: RequestChecksSetting | None) -> None:
        """Check by this from now on; the one in force again changes nothing."""
        digest = setting.digest if setting is not None else ""
        if digest != self._counts.setting:
            self._in_force = None if setting is None else _InForce(setting, checks_of(setting))
            self._begin(digest)

    def engine_is(self, engine: Engine | None) -> None:
        """What the engine says of itself; what it does not say any more stays."""
        if engine is not None:
            self._engine, self._context_tokens = engine.name, engine.context_tokens

    def handle(self, event: ExchangeEvent) -> None:
        """A request that ended waits to be checked."""
        exchange, said = event.exchange, event.exchange.said
        if event.kind is EventKind.ENDED:
            body = said.body if said is not None else b""
            if said is not None:
                said.body = b""
            if self._in_force is not None and exchange.generates:
                self._count(exchanges=1)
                self._wait(exchange, body)
        elif said is not None and (self._in_force is None or len(said.body) > BODY_BYTES_LIMIT):
            said.body = b""

    def work(self) -> bool:
        """Check some of what waits; whether more does."""
        began = self._clock()
        self._left_ns = min(SLICE_NANOSECONDS, self._left_ns + SLICE_NANOSECONDS)
        while self._waiting and self._clock() - began < self._left_ns:
            request = self._waiting.popleft()
            self._waiting_bytes -= len(request.body)
            self._look(request)
        self._left_ns -= self._clock() - began
        self._publish()
        return bool(self._waiting)

    def _wait(self, exchange: Exchange, body: bytes) -> None:
        room = self._waiting_bytes + len(body) <= ROOM_BYTES and len(self._waiting) < WAITING_LIMIT
        if not body or not room:
            return
        exact = exchange.prompt_token_source is not TokenSource.NONE and exchange.prompt_token_source.exact
        self._waiting.append(
            Request(
                path=exchange.path,
                body=body,
                messages=exchange.said.messages if exchange.said is not None else (),
                outcome=exchange.outcome,
                error_type=exchange.error_type or "",
                prompt_tokens=exchange.prompt_tokens if exact else None,
                engine=self._engine,
                context_tokens=self._context_tokens,
            )
        )
        self._waiting_bytes += len(body)

    def _look(self, request: Request) -> None:
        if self._in_force is None:
            return
        valid, too_large = True, 0
        made = len(self._in_force.checks)
        for name, check in self._in_force.checks.items():
            try:
                detail = check(request, self._in_force.setting)
            except TooLarge:
                too_large, made = 1, made - 1
                continue
            if detail is None:
                continue
            known = self._checks.get(name, CheckCounts())
            if detail:
                valid = False
                self._checks[name] = CheckCounts(known.valid, known.invalid + 1)
                key = detail_key(name, detail)
                room = key in self._details or len(self._details) < DETAILS_LIMIT - len(self._in_force.checks)
                self._details[key if room else detail_key(name, OTHER)] += 1
            else:
                self._checks[name] = CheckCounts(known.valid + 1, known.invalid)
        self._count(too_large=too_large, **({"valid" if valid else "invalid": 1} if made else {}))

    def _count(self, **more: int) -> None:
        now = {name: getattr(self._counts, name) + value for name, value in more.items()}
        self._counts = msgspec.structs.replace(self._counts, **now)

    def _publish(self) -> None:
        self._totals.requests = msgspec.structs.replace(
            self._counts, checks=dict(self._checks), details=dict(self._details)
        )
