"""How a monitor's pods stand in one pass: what is known of them all, and what follows for each.

The rules themselves are in `sidecars.standing`; here they are given what the view, the keeper of proofs and
measurements of memory say. What is done about it is left to the pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.injectable import Asked
from llmmonitor_operator.attach.proof import provers
from llmmonitor_operator.evaluate.environment import LeftOut
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.process_settings import Certificates
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecars.standing import Facts, Standing, standing
from llmmonitor_operator.reconcile.watch.memory_use import MeasuredMemory, reported
from llmmonitor_operator.state import State

_LOOKED_AT_AT_ONCE = 16


class Standings:
    """Of all monitors' pods; keeps nothing itself."""

    def __init__(self, parts: Parts, measured: MeasuredMemory) -> None:
        self._parts = parts
        self._measured = measured

    async def facts(  # noqa: PLR0913 - what is known of a namespace, a monitor and its pods
        self,
        namespace: str,
        monitor: LLMMonitor,
        pods: Sequence[Raw],
        memory: PodsMemory,
        *,
        state: State,
        now: float,
    ) -> Facts:
        """What holds for all of the monitor's pods, and which of them shall prove the image."""
        parts = self._parts
        facts = Facts(
            monitor=monitor,
            common=parts.keeper.common,
            verdict=parts.keeper.of(namespace, now),
            namespace=parts.view.namespace(namespace),
            proving_pod="",
            now=now,
            first_seen=memory.first_seen,
            at_work=memory.at_work,
            quotas=parts.view.resource_quotas(namespace),
            limit_ranges=parts.view.limit_ranges(namespace),
            webhook=Asked(
                parts.settings.certificates is not Certificates.NONE, parts.settings.webhook_namespaces
            ),
            left_out=parts.keeper.is_left_out(namespace),
            fingerprint_key=parts.fingerprint_key,
        )
        return replace(facts, proving_pod=await self._proving_pod(pods, facts, memory, state))

    async def of(self, pods: Sequence[Raw], facts: Facts, state: State) -> list[Standing | LeftOut]:
        """Of each pod, in their order."""
        found = []
        for number, pod in enumerate(pods):
            if number % _LOOKED_AT_AT_ONCE == 0:
                await asyncio.sleep(0)  # a thousand take a second: the lease is renewed in between
            found.append(await self._standing(pod, facts, state))
        return found

    async def _proving_pod(self, pods: Sequence[Raw], facts: Facts, memory: PodsMemory, state: State) -> str:
        """The UID of the pod that shall prove the image: one that can be attached to now, if there is one.

        Else the first that should, whose standing says what speaks against it; empty once it is proved.
        """
        if facts.verdict.proves(facts.common.image):
            return ""
        able = provers(pods, facts.common.image)
        for pod in able:
            uid = pod["metadata"]["uid"]
            found = await self._standing(pod, replace(facts, proving_pod=uid), state)
            if isinstance(found, Standing) and after_refusals(found, memory, facts.now).attach:
                return str(uid)
        return str(able[0]["metadata"]["uid"]) if able else ""

    async def _standing(self, pod: Raw, facts: Facts, state: State) -> Standing | LeftOut:
        found = standing(pod, facts)
        if isinstance(found, LeftOut):
            return found
        too_little = found.expected.injection == reasons.NO_MEMORY_HEADROOM.name
        if found.attach is None and not too_little:
            return found
        used = memory_reported(found, state, facts.now)
        if used is None and too_little:
            used = await self._measured.of(pod)
        return found if used is None else standing(pod, facts, used)


def memory_reported(one: Standing, state: State, now: float) -> float | None:
    """Bytes that the pod's model uses, by its sidecar's last report; None where that is not known."""
    return reported(state, one.pod, one.serving.container, now) if one.serving else None


def after_refusals(one: Standing, memory: PodsMemory, now: float) -> Standing:
    """An attach that the API server has just refused is not tried again at once."""
    known = memory.of(one.expected.uid)
    if one.attach is None or known.refused_attach is None or now >= known.attach_again_at:
        return one
    reason, message = known.refused_attach
    expected = replace(one.expected, injection=reason, injection_message=message)
    return replace(one, expected=expected, attach=None, look_again_seconds=known.attach_again_at - now)
