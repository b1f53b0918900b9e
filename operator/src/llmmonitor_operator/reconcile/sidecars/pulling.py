"""Pulls the reports of one monitor's sidecars, many at once, each with its own time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from llmmonitor_api.report.report import Report, UnreadableReport
from llmmonitor_api.report.told import NONE_YET
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars.client import Address, NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory, PodsMemory

_HINT = "if a NetworkPolicy shuts the operator out, allow ingress to port {port} from namespace {namespace}"
_TAKEN = (
    "on the node's network (hostNetwork) one port is one sidecar's, and port {port} is taken:"
    " set spec.interception.apiPort of the pod's monitor to one that is free there, and replace the pod"
)

AT_ONCE = 64
"""Sidecars of one monitor: a namespace that shuts the operator out waits by itself, and holds up no other."""
_TRIES = 3
_NONE: Mapping[str, str] = MappingProxyType({})
_PAUSE_SECONDS = 1.0


class Puller:
    """Asks sidecars for reports, and remembers why one did not come."""

    def __init__(self, sidecars: SidecarClient, metrics: OperatorMetrics, namespace: str) -> None:
        """Args: namespace: the operator's own, for words about who has to be let in."""
        self._sidecars = sidecars
        self._metrics = metrics
        self._namespace = namespace

    async def pull(
        self, addresses: Iterable[Address], memory: PodsMemory, has: Mapping[str, str] = _NONE
    ) -> dict[str, Report]:
        """The reports of all that answer, by pod UID; `has` names those that are known (`report.told`)."""
        asked = list(addresses)
        left = iter(asked)
        found: dict[str, Report] = {}

        async def some() -> None:
            for one in left:
                report = await self._report(one, memory.of(one.uid), has.get(one.uid, NONE_YET))
                if report is not None:
                    found[one.uid] = report

        await asyncio.gather(*(some() for _ in asked[:AT_ONCE]))
        return found

    async def pull_patiently(
        self, addresses: Iterable[Address], memory: PodsMemory, has: Mapping[str, str] = _NONE
    ) -> dict[str, Report]:
        """The same, with more than one try: of a leader that knows only what is minutes old."""
        left = list(addresses)
        found: dict[str, Report] = {}
        for attempt in range(_TRIES):
            if attempt and left:
                await asyncio.sleep(_PAUSE_SECONDS)
            found |= await self.pull(left, memory, has)
            left = [one for one in left if one.uid not in found]
        return found

    async def _report(self, address: Address, known: PodMemory, has: str) -> Report | None:
        known.unreachable, known.unknown_key = "", False
        try:
            report = await self._sidecars.report(address, has)
        except NoAnswer as error:
            hint = _HINT.format(port=address.port, namespace=self._namespace)
            known.unreachable = f"{error}; {hint}"
            self._metrics.pulled("unreachable")
        except RefusedBySidecar as error:
            known.unreachable, known.unknown_key = _refused(address, error), error.unknown_key
            self._metrics.pulled("refused")
        except UnreadableReport as error:
            known.unreachable = _with_way_out(address, str(error))
            self._metrics.pulled("unreadable")
        else:
            self._metrics.pulled("ok")
            return report
        return None


def _refused(address: Address, error: RefusedBySidecar) -> str:
    if not error.other_pod:
        return f"it refuses to report: {error}"
    return _with_way_out(address, f"another pod's sidecar answers at {address.url} ({error})")


def _with_way_out(address: Address, words: str) -> str:
    return f"{words}; {_TAKEN.format(port=address.port)}" if address.on_the_node else words
