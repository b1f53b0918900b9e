"""The pod and the plan with which a namespace is asked what it admits."""

from __future__ import annotations

from collections.abc import Iterable

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.inject.plan import Mode, plan_for
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import ATTACHMENTS_LIMIT, holds_rights, next_attachment
from llmmonitor_operator.pods.serving import NotServing, find_serving
from llmmonitor_operator.preflight.verdict import Common
from llmmonitor_operator.reconcile.keep.verdict_keeper import Candidate


def candidate(pods: Iterable[Raw], monitor: LLMMonitor, common: Common) -> Candidate | None:
    """A running pod that could be attached to once more; None when there is none.

    One in which nothing of ours has capabilities comes first: of another, a namespace that forbids them by
    now would refuse even the sidecar without any.
    """
    for pod in sorted(pods, key=holds_rights):
        number = next_attachment(pod)
        if (pod.get("status") or {}).get("phase") != "Running" or number > ATTACHMENTS_LIMIT:
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
        return Candidate(pod, plan, number)
    return None
