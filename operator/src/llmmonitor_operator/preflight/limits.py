"""Would the API server refuse this pod because of what our container asks for? Arithmetic, asked in advance.

Quotas, limit ranges and pod-level resources are all judged after us, and a pod refused by them is an outage
of our making. In doubt there is an objection: the pod then starts without a sidecar and is attached later,
which none of these rules looks at.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight import limit_ranges as ranges
from llmmonitor_operator.preflight import quotas as quota_rules
from llmmonitor_operator.preflight.demand import Demand, demand
from llmmonitor_operator.preflight.resource_list import UnreadableQuantity, text


def objection(pod: Raw, sidecar: Raw, quotas: Sequence[Raw], limit_ranges: Sequence[Raw]) -> str:
    """What speaks against putting `sidecar` into `pod`, in words; empty when nothing does.

    Args:
        pod: as it is created, without our sidecar.
        sidecar: our native sidecar as container JSON.
        quotas: the namespace's ResourceQuota objects, with their status.
        limit_ranges: the namespace's LimitRange objects.
    """
    ours = str(sidecar.get("name", ""))
    try:
        wanted = ranges.with_defaults(demand(pod, sidecar), limit_ranges)
        return (
            _exceeds_the_pod(wanted)
            or ranges.violation(wanted, limit_ranges, ours)
            or quota_rules.violation(pod, wanted, quotas, ours)
        )
    except UnreadableQuantity as error:
        return f"limits cannot be compared: {error}"


def objection_then(pod: Raw, sidecar: Raw, quotas: Sequence[Raw], limit_ranges: Sequence[Raw]) -> str:
    """What spoke against putting `sidecar` into `pod`, which was created without it and counts by now."""
    try:
        earlier = quota_rules.before(pod, demand(pod), quotas)
    except UnreadableQuantity as error:
        return f"limits cannot be compared: {error}"
    return objection(pod, sidecar, earlier, limit_ranges)


def _exceeds_the_pod(wanted: Demand) -> str:
    """Pod-level requests must hold all containers' (validation of the pod's spec.resources)."""
    for name, asked in wanted.summed_requests().items():
        given = wanted.pod_requests.get(name)
        if given is not None and asked > given:
            return f"the pod's own {name} request {text(given)} < {text(asked)}, its containers' with ours"
    return ""
