"""Pulls the reports of one monitor's sidecars, all at once, each with its own time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llmmonitor_api.report.report import Report, UnreadableReport
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecar_client import Address, NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.standing import Standing

_HINT = "if a NetworkPolicy shuts the operator out, allow ingress to port {port} from namespace {namespace}"


class Puller:
    """Asks sidecars for reports, and remembers why one did not come."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def pull(self, standings: Sequence[Standing], memory: PodsMemory) -> dict[str, Report]:
        """The reports of all sidecars that run and answer, by pod UID."""
        asked = [(one.expected.uid, one.address) for one in standings if one.address is not None]
        answers = await asyncio.gather(*(self._report(uid, address, memory) for uid, address in asked))
        return {uid: report for (uid, _), report in zip(asked, answers, strict=True) if report is not None}

    async def _report(self, uid: str, address: Address, memory: PodsMemory) -> Report | None:
        known = memory.of(uid)
        known.unreachable, known.unknown_key = "", False
        try:
            report = await self._parts.sidecars.report(address)
        except NoAnswer as error:
            hint = _HINT.format(port=address.port, namespace=self._parts.settings.namespace)
            known.unreachable = f"{error}; {hint}"
            self._parts.metrics.pulled("unreachable")
        except RefusedBySidecar as error:
            known.unreachable, known.unknown_key = f"it refuses to report: {error}", error.unknown_key
            self._parts.metrics.pulled("refused")
        except UnreadableReport as error:
            known.unreachable = str(error)
            self._parts.metrics.pulled("unreadable")
        else:
            self._parts.metrics.pulled("ok")
            return report
        return None
