"""`/healthz`, `/readyz` and `/metrics` of the operator, on a port of their own.

Alive is whose event loop answers; ready is what the caller says (a standby is ready: it waits for the lease).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from llmmonitor_operator.plain_app import listening, make_plain_app
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

_SHUTDOWN_SECONDS = 2.0
_IDLE_SECONDS = 75.0
"""Longer than most scrape intervals (60 s), so that scrapers reuse their connection."""


@asynccontextmanager
async def serving(
    port: int, metrics: OperatorMetrics, ready: Callable[[], str], *, host: str | None = None
) -> AsyncIterator[int]:
    """Serve as long as the context lasts; gives the port (a free one for 0).

    Args:
        port: where.
        metrics: what `/metrics` shows.
        ready: why the operator is not ready, in words; empty when it is.
        host: the address to bind; None for all.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(
        make_plain_app(metrics.registry, lambda: "", ready),
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    async with listening(runner, port, host=host) as bound:
        yield bound
