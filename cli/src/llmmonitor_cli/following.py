"""Follows one sidecar: pulls its report, evaluates, and tells whoever looks; until told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_cli.describe import Event
from llmmonitor_cli.monitoring import Monitoring
from llmmonitor_cli.sidecar_process import SidecarProcess

PULL_SECONDS = 1.0
"""How often a report is pulled: one loopback request, so more often than a cluster would."""


async def look(sidecar: SidecarProcess, monitoring: Monitoring) -> tuple[Event, ...]:
    """Pull once and evaluate; gives what changed.

    Raises:
        SidecarFailed: if the sidecar has ended.
    """
    try:
        report = await sidecar.report()
    except UnreadableReport as problem:
        monitoring.missed(str(problem))
    else:
        monitoring.absorb(report, time.time())
    return monitoring.evaluate(time.time())


async def follow(
    sidecar: SidecarProcess, monitoring: Monitoring, seen: Callable[[tuple[Event, ...]], None]
) -> None:
    """Look once a second, forever; `seen` gets what changed after each look."""
    while True:
        began = time.monotonic()
        seen(await look(sidecar, monitoring))
        await asyncio.sleep(max(0.1, PULL_SECONDS - (time.monotonic() - began)))
