"""Pushes the settings of now to every sidecar that has others, or whose own will run out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Report
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.pods_memory import REFRESH_SECONDS, PodsMemory
from llmmonitor_operator.reconcile.sidecar_client import Address, NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.standing import Standing

STOPPED = "Stopped"
"""What a sidecar says that was told to stop, or whose settings ran out."""

_log = logging.getLogger(__name__)


class Pusher:
    """Compares what sidecars say they have with what they shall have."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def push(
        self,
        configuration: Configuration,
        standings: Sequence[Standing],
        reports: Mapping[str, Report],
        *,
        memory: PodsMemory,
        now: float,
    ) -> None:
        """Push `configuration` where it is missing, to all at once."""
        due = []
        for one in standings:
            report = reports.get(one.expected.uid)
            if report is None or one.address is None:
                continue
            has_it = report.identity.configuration_generation == configuration.generation
            again = now >= memory.of(one.expected.uid).push_at or report.interception.reason == STOPPED
            if again or not has_it:
                due.append((one.expected.name, one.address))
        await asyncio.gather(
            *(self._push(configuration, name, address, memory, now) for name, address in due)
        )

    async def _push(
        self, configuration: Configuration, name: str, address: Address, memory: PodsMemory, now: float
    ) -> None:
        try:
            await self._parts.sidecars.push(address, configuration)
        except (NoAnswer, RefusedBySidecar) as error:
            self._parts.metrics.pushed("failed")
            _log.warning("configuration not taken by pod %s: %s", name, error)
        else:
            memory.of(address.uid).push_at = now + REFRESH_SECONDS
            self._parts.metrics.pushed("ok")
