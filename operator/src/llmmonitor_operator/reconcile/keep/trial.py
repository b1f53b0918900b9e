"""The pod and the plan with which a namespace is asked what it admits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.inject.plan import Mode, Plan, plan_for
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import (
    ATTACHMENTS_LIMIT,
    holds_rights,
    is_static,
    next_attachment,
    shares_the_nodes,
)
from llmmonitor_operator.pods.serving import NotServing, find_serving
from llmmonitor_operator.preflight.verdict import Common


@dataclass(frozen=True, slots=True)
class Trial:
    """A running pod on which to try, and what would be attached to it."""

    pod: Raw
    plan: Plan
    number: int
    """Of the ephemeral container."""
    plain_only: bool = False
    """The pod may have no sidecar with capabilities, whatever its namespace admits."""


def trial_on(pods: Iterable[Raw], monitor: LLMMonitor, common: Common) -> Trial | None:
    """A running pod that could be attached to once more; None when there is none.

    One in which nothing of ours has capabilities comes first: of another, a namespace that forbids them by
    now would refuse even the sidecar without any. One that shares something with its node comes last: no
    sidecar with capabilities may be put into it, so it cannot tell what others may have.
    """
    for pod in sorted(pods, key=lambda one: (bool(shares_the_nodes(one)), holds_rights(one))):
        number = next_attachment(pod)
        if (
            (pod.get("status") or {}).get("phase") != "Running"
            or number > ATTACHMENTS_LIMIT
            or is_static(pod)
        ):
            continue
        try:
            serving = find_serving(pod, monitor.spec.target)
        except NotServing:
            continue
        plan = plan_for(
            pod,
            monitor,
            serving=serving,
            sidecar=common.sidecar,
            mode=Mode.TRANSPARENT,
            public_keys=common.keys,
            configuration="{}",
        )
        return Trial(pod, plan, number, plain_only=bool(shares_the_nodes(pod)))
    return None
