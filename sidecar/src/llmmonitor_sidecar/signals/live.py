"""What is in flight at this moment, and how long the model has shown no sign of work.

`now_ns` is the analyser's watermark, the time up to which it has read its copies, never the wall: an analyser
that lags must not call the model slow.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmmonitor_api.report.report import Live
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome

NANO = 1e-9


class InFlight:
    """Generating exchanges that the model has completely and has not answered completely."""

    def __init__(self) -> None:
        self._exchanges: dict[tuple[int, int], Exchange] = {}
        self._progress_ns = 0
        self._last_request_ns = 0
        self._engine_tokens: int | None = None

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges.values())

    def __len__(self) -> int:
        return len(self._exchanges)

    def handle(self, event: ExchangeEvent) -> None:
        """Take note of what just became known."""
        exchange = event.exchange
        if not exchange.generates:
            return
        key = (exchange.connection, exchange.number)
        if event.kind is EventKind.REQUEST_ENDED:
            self._exchanges[key] = exchange
            self._last_request_ns = max(self._last_request_ns, event.at_ns)
        elif event.kind is EventKind.ENDED:
            self._exchanges.pop(key, None)
            if exchange.outcome is Outcome.OK:
                self._progress_ns = max(self._progress_ns, event.at_ns)

    def engine_counted(self, generation_tokens: int | None, now_ns: int) -> None:
        """The engine's own counter: it moves for unstreamed answers too, which show nothing on the wire."""
        if generation_tokens is not None and self._engine_tokens not in (None, generation_tokens):
            self._progress_ns = max(self._progress_ns, now_ns)
        self._engine_tokens = generation_tokens

    def live(self, now_ns: int) -> Live:
        """The gauges as of `now_ns`."""
        if not self._exchanges:
            return Live(last_request_age_seconds=self._age(self._last_request_ns, now_ns))
        oldest = min(exchange.request_ended_ns for exchange in self)
        seen = max(max(exchange.last_token_ns, exchange.response_began_ns) for exchange in self)
        self._progress_ns = max(self._progress_ns, seen)
        return Live(
            in_flight=len(self),
            oldest_in_flight_seconds=max(0, now_ns - oldest) * NANO,
            seconds_without_progress=max(0, now_ns - max(self._progress_ns, oldest)) * NANO,
            last_request_age_seconds=self._age(self._last_request_ns, now_ns),
        )

    @staticmethod
    def _age(since_ns: int, now_ns: int) -> float | None:
        return max(0, now_ns - since_ns) * NANO if since_ns else None
