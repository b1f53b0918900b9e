"""Is there memory for an attached sidecar? Its memory counts in the pod's limit, beside the model's.

The kubelet gives a pod a memory limit when every container has one (or the pod as a whole); without it there
is only the node's memory, which the model risks with or without us. With it, twice the sidecar's own budget
must be free: beside what the model is seen to use, or, while nothing is known of that, beside what the pod
requests, which is its owner's own word on what it needs. A pod whose requests equal its limits therefore
waits until its use is known (metrics.k8s.io, or a report): the model's life is worth more than a figure.
Beyond this, the sidecar is the kernel's first victim (oom_score_adj 1000) and ends itself above its budget.
"""

from __future__ import annotations

from decimal import Decimal

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.demand import Demand, demand
from llmmonitor_operator.preflight.resource_list import UnreadableQuantity, read

FACTOR = 2
"""Of the sidecar's memory limit."""
_MEMORY = "memory"


def too_little(pod: Raw, sidecar_memory_limit: str, used_bytes: float | None, *, beside: int = 0) -> str:
    """Why attaching would put the model at risk, in words; empty when it would not.

    Args:
        pod: running.
        sidecar_memory_limit: a quantity, the budget of one sidecar.
        used_bytes: by all of the pod together; None while that is not known.
        beside: how many sidecars run in it already, whose use may not be among that.
    """
    try:
        wanted = demand(pod)
        budget = (FACTOR + beside) * read({_MEMORY: sidecar_memory_limit})[_MEMORY]
    except UnreadableQuantity as error:
        return f"the pod's memory limit cannot be read: {error}"
    limit = memory_limit(wanted)
    if limit is None:
        return ""
    taken = Decimal(used_bytes) if used_bytes is not None else wanted.requests().get(_MEMORY, Decimal(0))
    if taken + budget <= limit:
        return ""
    how = "used" if used_bytes is not None else "requested, and its use is not known (no metrics.k8s.io)"
    left = f"{_size(max(limit - taken, Decimal(0)))} of {_size(limit)} left beside {_size(taken)} {how}"
    return f"{left}; attaching needs {_size(budget)}"


def memory_limit(wanted: Demand) -> Decimal | None:
    """Bytes that the kernel lets the whole pod use; None without a limit."""
    whole = wanted.pod_limits.get(_MEMORY)
    everyone = (*wanted.containers, *wanted.init_containers)
    if whole is None and not all(one.limits.get(_MEMORY) for one in everyone):
        return None
    return wanted.limits().get(_MEMORY, Decimal(0)) + wanted.overhead.get(_MEMORY, Decimal(0))


def _size(value: Decimal) -> str:
    return wording.size(float(value))
