"""Pushes the settings of now to every sidecar that has others, or whose own will run out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Report
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.pods_memory import REFRESH_SECONDS, PodsMemory
from llmmonitor_operator.reconcile.sidecar_client import NoAnswer, RefusedBySidecar
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
        """Push `configuration` where it is missing."""
        for one in standings:
            report = reports.get(one.expected.uid)
            if report is None or one.address is None:
                continue
            known = memory.of(one.expected.uid)
            has_it = report.identity.configuration_generation == configuration.generation
            if has_it and now < known.push_at and report.interception.reason != STOPPED:
                continue
            try:
                await self._parts.sidecars.push(one.address, configuration)
            except (NoAnswer, RefusedBySidecar) as error:
                self._parts.metrics.pushed("failed")
                _log.warning("configuration not taken by pod %s: %s", one.expected.name, error)
                continue
            known.push_at = now + REFRESH_SECONDS
            self._parts.metrics.pushed("ok")
