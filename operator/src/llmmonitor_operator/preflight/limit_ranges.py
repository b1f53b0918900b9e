"""What a namespace's LimitRanges do to a pod: defaults filled in, then bounds checked.

Source: the LimitRanger admission plug-in of Kubernetes, which runs again after our patch, so that its
defaults reach our container too. Bounds for containers are checked on our container alone: the pod's own
would be refused without us as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.demand import Asked, Demand
from llmmonitor_operator.preflight.resource_list import ResourceList, read, text


def with_defaults(wanted: Demand, limit_ranges: Sequence[Raw]) -> Demand:
    """`wanted` as it is once the LimitRanger has filled in what containers left out."""
    for entry in _entries(limit_ranges, "Container"):
        requests, limits = read(entry.get("defaultRequest")), read(entry.get("default"))
        wanted = replace(
            wanted,
            containers=tuple(_filled(one, requests, limits) for one in wanted.containers),
            init_containers=tuple(_filled(one, requests, limits) for one in wanted.init_containers),
        )
    return wanted


def violation(wanted: Demand, limit_ranges: Sequence[Raw], ours: str) -> str:
    """The first bound that is broken, in words; empty when none is.

    Args:
        wanted: the pod with our container, defaults filled in.
        limit_ranges: the namespace's.
        ours: our container's name.
    """
    for one in wanted.init_containers:
        if one.name == ours:
            for name, limit in one.limits.items():
                if one.requests.get(name, Decimal(0)) > limit:
                    default = f"{name} request {text(one.requests[name])} > limit {text(limit)}"
                    return f"the defaults of a LimitRange give our container a {default}"
    for limit_range in limit_ranges:
        for kind, requests, limits in _judged(wanted, ours):
            for entry in _entries([limit_range], kind):
                words = next(_broken(entry, requests, limits), "")
                if words:
                    whose = "our container" if kind == "Container" else "the pod"
                    return f"LimitRange {_name(limit_range)}: {words} for {whose}"
    return ""


def _judged(wanted: Demand, ours: str) -> Iterator[tuple[str, ResourceList, ResourceList]]:
    for one in wanted.init_containers:
        if one.name == ours:
            yield "Container", one.requests, one.limits
    yield "Pod", wanted.requests(), wanted.limits()


def _broken(entry: Raw, requests: ResourceList, limits: ResourceList) -> Iterator[str]:
    for name, least in read(entry.get("min")).items():
        yield from _below(name, least, requests.get(name), limits.get(name))
    for name, most in read(entry.get("max")).items():
        yield from _above(name, most, requests.get(name), limits.get(name))
    for name, ratio in read(entry.get("maxLimitRequestRatio")).items():
        request, limit = requests.get(name), limits.get(name)
        if not request or not limit:
            yield f"maxLimitRequestRatio of {name} is {text(ratio)} and request or limit is missing"
        elif limit > ratio * request:
            given = f"{text(limit)} / {text(request)}"
            yield f"{name} limit / request is {given} > maxLimitRequestRatio {text(ratio)}"


def _below(name: str, least: Decimal, request: Decimal | None, limit: Decimal | None) -> Iterator[str]:
    if request is None:
        yield f"min {name} is {text(least)} and no request is given"
    elif request < least:
        yield f"{name} request {text(request)} < min {text(least)}"
    elif limit is not None and limit < least:
        yield f"{name} limit {text(limit)} < min {text(least)}"


def _above(name: str, most: Decimal, request: Decimal | None, limit: Decimal | None) -> Iterator[str]:
    if limit is None:
        yield f"max {name} is {text(most)} and no limit is given"
    elif limit > most:
        yield f"{name} limit {text(limit)} > max {text(most)}"
    elif request is not None and request > most:
        yield f"{name} request {text(request)} > max {text(most)}"


def _filled(one: Asked, requests: ResourceList, limits: ResourceList) -> Asked:
    return replace(one, requests={**requests, **one.requests}, limits={**limits, **one.limits})


def _entries(limit_ranges: Sequence[Raw], kind: str) -> Iterator[Raw]:
    for limit_range in limit_ranges:
        spec = limit_range.get("spec")
        entries = spec.get("limits") if isinstance(spec, Mapping) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and entry.get("type") == kind:
                yield entry


def _name(limit_range: Raw) -> str:
    metadata = limit_range.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
