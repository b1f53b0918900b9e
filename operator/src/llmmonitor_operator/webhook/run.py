"""The webhook's process: puts the parts together, and ends without losing a request.

It ends in this order: `/readyz` fails, so that no new connection comes; what comes on old ones is answered
for some seconds more and each connection closed with its answer; then the ports are closed and what is being
answered is finished.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from llmmonitor_operator.kube.api import Kube, connected
from llmmonitor_operator.plain_app import make_plain_app
from llmmonitor_operator.process_settings import WebhookSettings
from llmmonitor_operator.webhook.admitter import DEADLINE_SECONDS, Admitter, Decide
from llmmonitor_operator.webhook.apps import Draining, make_mutate_app
from llmmonitor_operator.webhook.deciding import decide
from llmmonitor_operator.webhook.knowledge import Knowledge
from llmmonitor_operator.webhook.metrics import WebhookMetrics
from llmmonitor_operator.webhook.served_certificate import ServedCertificate

DRAIN_SECONDS = 5.0
"""Until every node's kube-proxy has heard that this pod goes."""
STUCK_SECONDS = 30.0
"""A decision that takes so long never ends."""

_IDLE_SECONDS = 300.0
"""The API server closes idle connections after 90 s: sooner than we, so no request meets a closed one."""
_HANDSHAKE_SECONDS = 2.0
_BACKLOG = 256
_FINISH_SECONDS = DEADLINE_SECONDS + 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Webhook:
    """One that serves."""

    port: int
    tls_port: int
    _draining: Draining

    async def drain(self, seconds: float) -> None:
        """Say that this replica goes, and answer what still comes for a while."""
        self._draining.begun = True
        _log.info("webhook: ending in %g s", seconds)
        await asyncio.sleep(seconds)


async def run(settings: WebhookSettings) -> None:
    """Serve with the pod's ServiceAccount until SIGTERM or SIGINT.

    Raises:
        OSError: a port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with connected() as kube, serving(kube, settings) as webhook:
        await stop.wait()
        await webhook.drain(DRAIN_SECONDS)


@asynccontextmanager
async def serving(
    kube: Kube, settings: WebhookSettings, host: str | None = None, decide: Decide = decide
) -> AsyncIterator[Webhook]:
    """Serve as long as the context lasts.

    Args:
        kube: a connection to the API server.
        settings: ports (0 for free ones), files, names.
        host: the address to bind; None for all.
        decide: what becomes of a pod.

    Raises:
        OSError: a port is taken.
    """
    metrics, draining = WebhookMetrics(), Draining()
    knowledge = Knowledge(kube, settings)
    certificate = ServedCertificate(settings.tls_dir, refused=metrics.certificate_refused)
    admitter = Admitter(knowledge.around, decide, metrics)
    _show(metrics, knowledge, certificate, admitter)
    mutate = make_mutate_app(admitter, draining)
    plain = make_plain_app(
        metrics.registry,
        lambda: _why_dead(admitter),
        lambda: _why_not_ready(draining, knowledge, certificate),
    )
    try:
        async with (
            asyncio.TaskGroup() as tasks,
            _bound(plain, host, settings.port) as port,
            _bound(mutate, host, settings.tls_port, certificate.context) as tls_port,
        ):
            mirrors = [one.run() for those in knowledge.mirrors.values() for one in those]
            running = [tasks.create_task(one) for one in (*mirrors, certificate.follow())]
            _log.info("webhook: listening on %d (TLS) and %d", tls_port, port)
            try:
                yield Webhook(port, tls_port, draining)
            finally:
                for task in running:
                    task.cancel()
    finally:
        admitter.close()


def _show(
    metrics: WebhookMetrics, knowledge: Knowledge, certificate: ServedCertificate, admitter: Admitter
) -> None:
    def expiry() -> float:
        until = certificate.valid_until
        return until.timestamp() if until else 0.0

    metrics.show(
        {
            "certificate_expiry_timestamp_seconds": expiry,
            "verdicts_fresh": lambda: float(knowledge.operator_alive),
            "watches_broken": lambda: float(len(knowledge.problems)),
            "requests": lambda: float(admitter.requests),
        }
    )


def _why_dead(admitter: Admitter) -> str:
    seconds = admitter.stuck_seconds
    return f"a decision has been taking {seconds:.0f} s" if seconds > STUCK_SECONDS else ""


def _why_not_ready(draining: Draining, knowledge: Knowledge, certificate: ServedCertificate) -> str:
    if draining.begun:
        return "ending"
    if unread := knowledge.unread:
        because = "".join(f"; {kind}: {problem}" for kind, problem in knowledge.problems.items())
        return f"not read yet: {', '.join(unread)}{because}"
    return certificate.why_not


@asynccontextmanager
async def _bound(
    app: web.Application, host: str | None, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve as long as the context lasts; gives the port. What is being answered at its end is finished."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_FINISH_SECONDS,
        auto_decompress=False,  # an API server packs nothing; what cannot be unpacked is an error to aiohttp
    )
    await runner.setup()
    try:
        if runner.server is None:
            raise RuntimeError("aiohttp made no server although it was set up")
        handshake = _HANDSHAKE_SECONDS if tls else None
        server = await asyncio.get_running_loop().create_server(
            runner.server, host, port, ssl=tls, backlog=_BACKLOG, ssl_handshake_timeout=handshake
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()
