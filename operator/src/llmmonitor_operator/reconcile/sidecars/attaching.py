"""Puts sidecars into running pods, and reads what the API server says to it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.configure import first_configuration
from llmmonitor_operator.inject.plan import Mode, Plan, plan_for
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.dry_run import Answer, attaching, read_answer
from llmmonitor_operator.reconcile.keep.verdict_keeper import VerdictKeeper
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecars.standing import Standing

AGAIN_AFTER_REFUSAL_SECONDS = 60.0
AGAIN_AFTER_NO_ANSWER_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Attacher:
    """Attaches to whatever a pass decided to."""

    def __init__(self, kube: Kube, keeper: VerdictKeeper, metrics: OperatorMetrics) -> None:
        self._kube = kube
        self._keeper = keeper
        self._metrics = metrics

    async def attach(
        self, monitor: LLMMonitor, standings: Iterable[Standing], memory: PodsMemory, now: float
    ) -> bool:
        """Do it, pod by pod; whether anything was attached.

        What is not admitted for one pod is not asked for the next: the verdict knows now, and the next pass
        decides by it. Nor is it after no answer: the next might take as long.
        """
        done = False
        for one in standings:
            if one.attach is None or one.serving is None or one.attach.choice.mode is None:
                continue
            known = memory.of(one.expected.uid)
            plan = self._plan(monitor, one, one.attach.choice.mode)
            answer = await self._attach(one.pod, plan, one.attach.number)
            await self._keeper.learn(one.pod["metadata"]["namespace"], mode=plan.mode, answer=answer, now=now)
            refused = None if answer.admitted else (answer.refused_by or _PENDING, answer.words)
            known.refused_attach = refused
            if refused is None:
                done = True
                _log.info("attached to pod %s in mode %s", one.expected.name, plan.mode.value)
            else:
                seconds = (
                    AGAIN_AFTER_REFUSAL_SECONDS if refused[0] != _PENDING else AGAIN_AFTER_NO_ANSWER_SECONDS
                )
                known.attach_again_at = now + seconds
                _log.warning("not attached to pod %s: %s: %s", one.expected.name, *refused)
            self._metrics.attached("refused" if refused else "ok")
            if not answer.admitted:
                break
        return done

    def _plan(self, monitor: LLMMonitor, one: Standing, mode: Mode) -> Plan:
        assert one.serving is not None  # noqa: S101 - the caller's check, for the type checker
        common = self._keeper.common
        plan = plan_for(
            one.pod,
            monitor,
            serving=one.serving,
            sidecar=common.sidecar,
            mode=mode,
            public_keys=common.keys,
            configuration=first_configuration(monitor),
        )
        if one.address is None:
            return plan
        return replace(plan, api_port=one.address.port)  # a successor answers where its predecessor does

    async def _attach(self, pod: Raw, plan: Plan, number: int) -> Answer:
        """What the API server says; when the pod has changed meanwhile it is simply looked at again."""
        metadata = pod["metadata"]
        path = paths.ephemeral_containers(metadata["namespace"], metadata["name"])
        try:
            await self._kube.patch(path, attaching(pod, plan, number), Patch.STRATEGIC, metadata_only=True)
        except ApiError as error:
            return read_answer(error.status, error.message)
        return Answer(admitted=True)


_PENDING = reasons.PREFLIGHT_PENDING.name
