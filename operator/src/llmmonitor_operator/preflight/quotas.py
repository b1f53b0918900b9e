"""Whether a pod fits into what its namespace's ResourceQuotas leave.

Source: the ResourceQuota admission plug-in of Kubernetes and its pod evaluator: a quota on CPU or memory
wants every container to say its own request or limit, and used + asked must not exceed hard. Two pods created
at once can both pass here and one of them fail there: its controller tries again, and the operator stops
injecting once it sees that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.preflight.demand import Demand
from llmmonitor_operator.preflight.quota_scopes import covers
from llmmonitor_operator.preflight.resource_list import ResourceList, added, read, text

_MUST_BE_SAID = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
"""The only resources that a quota wants of each container (a mistake that Kubernetes keeps)."""
_BY_REQUEST = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES = "hugepages-"


def violation(pod: Raw, wanted: Demand, quotas: Sequence[Raw], ours: str) -> str:
    """The first quota that the pod with our container breaks, in words; empty when none is.

    Args:
        pod: for its priority class, deadline and affinity.
        wanted: what it asks for with our container, defaults filled in.
        quotas: the namespace's.
        ours: our container's name.
    """
    return next((words for quota in quotas for words in _broken(pod, wanted, quota, ours)), "")


def before(pod: Raw, asks: Demand, quotas: Sequence[Raw]) -> list[Raw]:
    """The quotas as they were before `pod`, which is among what they have used, was created.

    Args:
        pod: for its priority class, deadline and affinity.
        asks: what it asks for.
        quotas: the namespace's, as they are.
    """
    own = _pod_usage(asks)
    earlier: list[Raw] = []
    for quota in quotas:
        status = mapping(quota.get("status"))
        used = read(status.get("used"))
        if covers(quota, pod, best_effort=asks.best_effort):
            used = {name: much - own.get(name, Decimal(0)) for name, much in used.items()}
        texts = {name: str(much) for name, much in used.items()}
        earlier.append({**quota, "status": {**status, "used": texts}})
    return earlier


def _broken(pod: Raw, wanted: Demand, quota: Raw, ours: str) -> Iterator[str]:
    if not covers(quota, pod, best_effort=wanted.best_effort):
        return
    title = f"ResourceQuota {mapping(quota.get('metadata')).get('name', '')}"
    status = mapping(quota.get("status"))
    hard, used = read(status.get("hard")), read(status.get("used"))
    if not wanted.pod_level:
        for one in wanted.init_containers:
            missing = sorted((hard.keys() & _MUST_BE_SAID) - _usage(one.requests, one.limits).keys())
            if one.name == ours and missing:
                yield f"{title} wants every container to give {', '.join(missing)}, and ours gives none"
    usage = _pod_usage(wanted)
    for name in sorted(hard.keys() & usage.keys()):
        asked = usage[name]
        if not asked:
            continue
        if name not in used:
            yield f"{title} does not say yet what is used of {name}"
        elif used[name] + asked > hard[name]:
            yield f"{title}: {name} {text(used[name])} used + {text(asked)} > {text(hard[name])}"


def _pod_usage(wanted: Demand) -> ResourceList:
    limits = wanted.limits()
    overhead = {name: more for name, more in wanted.overhead.items() if limits.get(name)}
    usage = _usage(added(wanted.requests(), wanted.overhead), added(limits, overhead))
    return {**usage, "pods": Decimal(1), "count/pods": Decimal(1)}


def _usage(requests: ResourceList, limits: ResourceList) -> dict[str, Decimal]:
    usage: dict[str, Decimal] = {}
    for name, asked in requests.items():
        if name in _BY_REQUEST or name.startswith(_HUGE_PAGES):
            usage[name] = usage[f"requests.{name}"] = asked
        elif "/" in name and "kubernetes.io/" not in name:
            usage[f"requests.{name}"] = asked
    for name in _BY_REQUEST:
        if name in limits:
            usage[f"limits.{name}"] = limits[name]
    return usage
