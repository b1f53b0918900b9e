"""Pushes the settings and keys of now to every sidecar that has others, or whose own will run out.

A sidecar takes no older generation than it has. One that belonged to a younger monitor (its labels or an
older monitor's selector changed) has a higher one than its new monitor ever gets: it is given the settings
under the next number above its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Report
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars.client import Address, NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.pods_memory import REFRESH_SECONDS, PodsMemory
from llmmonitor_operator.reconcile.sidecars.standing import Standing, address_of
from llmmonitor_operator.state import State

HANDING_OVER = "HandingOver"
"""What a sidecar says that makes room for its successor."""
STOPPED = "Stopped"
"""What a sidecar says that was told to stop, or whose settings ran out."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Due:
    """A sidecar to push to."""

    name: str
    address: Address
    has: int
    """The generation of its configuration."""
    hand_over: bool


class Pusher:
    """Compares what sidecars say they have with what they shall have."""

    def __init__(self, sidecars: SidecarClient, metrics: OperatorMetrics) -> None:
        self._sidecars = sidecars
        self._metrics = metrics

    async def push(  # noqa: PLR0913 - a pass's findings, each given by name
        self,
        configuration: Configuration,
        standings: Sequence[Standing],
        reports: Mapping[str, Report],
        *,
        memory: PodsMemory,
        now: float,
        handing_over: Collection[str] = (),
    ) -> None:
        """Push `configuration` where it is missing, to all at once.

        Those in `handing_over` (pod UIDs) are told to make room for their successors.
        """
        configuration = msgspec.structs.replace(configuration, public_keys=self._sidecars.public_keys)
        believed = {key.id for key in self._sidecars.keys.trusted}
        due = []
        for one in standings:
            report = reports.get(one.expected.uid)
            if report is None or one.address is None:
                continue
            known = memory.of(one.expected.uid)
            has = report.identity.configuration_generation
            has_it = has == configuration.generation or known.renumbered == (configuration.generation, has)
            believes = set(report.identity.trusted_keys) in (believed, set())  # an older one does not say
            again = now >= known.push_at or report.interception.reason == STOPPED
            hand_over = one.expected.uid in handing_over
            tell = hand_over and report.interception.reason != HANDING_OVER
            if again or tell or not has_it or not believes:
                due.append(_Due(one.expected.name, one.address, has, hand_over=hand_over))
        await asyncio.gather(*(self._push(configuration, one, memory, now) for one in due))

    async def push_change(
        self,
        configuration: Configuration,
        pods: Sequence[Raw],
        state: State,
        *,
        memory: PodsMemory,
        now: float,
    ) -> None:
        """Push a `configuration` that has just changed to those of `pods` that have reported, asking none.

        By what they had in their last report. Whoever makes room for a successor, or has not been heard, is
        left to the pass.
        """
        configuration = msgspec.structs.replace(configuration, public_keys=self._sidecars.public_keys)
        due = []
        for pod in pods:
            uid, address = pod["metadata"]["uid"], address_of(pod)
            source, known = (state.pods[uid].newest if uid in state.pods else None), memory.pods.get(uid)
            if address is None or source is None or known is None:
                continue
            if source.interception.reason == HANDING_OVER or known.unreachable:
                continue
            has = source.configuration_generation
            if known.renumbered is not None:
                has = max(has, known.renumbered[1])
            if has != configuration.generation:
                due.append(_Due(pod["metadata"]["name"], address, has, hand_over=False))
        await asyncio.gather(*(self._push(configuration, one, memory, now) for one in due))

    async def _push(self, configuration: Configuration, one: _Due, memory: PodsMemory, now: float) -> None:
        given = msgspec.structs.replace(_above(configuration, one.has), hand_over=one.hand_over)
        try:
            await self._sidecars.push(one.address, given)
        except (NoAnswer, RefusedBySidecar) as error:
            self._metrics.pushed("failed")
            _log.warning("configuration not taken by pod %s: %s", one.name, error)
            return
        known = memory.of(one.address.uid)
        known.push_at = now + REFRESH_SECONDS
        known.renumbered = (configuration.generation, given.generation)
        self._metrics.pushed("ok")


def _above(configuration: Configuration, has: int) -> Configuration:
    """Under a number that the sidecar takes."""
    if has <= configuration.generation:
        return configuration
    return msgspec.structs.replace(configuration, generation=has + 1)
