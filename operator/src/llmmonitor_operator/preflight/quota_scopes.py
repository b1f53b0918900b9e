"""Which pods a ResourceQuota counts: those that every one of its scopes matches; without scopes, all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llmmonitor_operator.kube.raw import Raw, mapping, sequence


def covers(quota: Raw, pod: Raw, *, best_effort: bool) -> bool:
    """Whether `quota` counts `pod`.

    Args:
        quota: a ResourceQuota.
        pod: for its priority class, deadline and affinity.
        best_effort: whether its QoS class is BestEffort.
    """
    spec = mapping(pod.get("spec"))
    deadline = spec.get("activeDeadlineSeconds")
    terminating = isinstance(deadline, int) and deadline >= 0
    facts = {
        "Terminating": terminating,
        "NotTerminating": not terminating,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "CrossNamespacePodAffinity": _reaches_other_namespaces(spec),
    }
    priority = str(spec.get("priorityClassName") or "")
    return all(
        _matches_priority(scope, priority)
        if scope.get("scopeName") == "PriorityClass"
        else facts.get(str(scope.get("scopeName")), False)
        for scope in _scopes(quota)
    )


def _scopes(quota: Raw) -> Iterator[Mapping[str, object]]:
    spec = mapping(quota.get("spec"))
    for scope in sequence(spec.get("scopes")):
        yield {"scopeName": scope, "operator": "Exists"}
    for requirement in sequence(mapping(spec.get("scopeSelector")).get("matchExpressions")):
        yield mapping(requirement)


def _matches_priority(scope: Mapping[str, object], name: str) -> bool:
    values = sequence(scope.get("values"))
    match scope.get("operator"):
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
        case "In":
            return bool(name) and name in values
        case "NotIn":
            return name not in values
        case _:
            return False


def _reaches_other_namespaces(spec: Mapping[str, object]) -> bool:
    return any(term.get("namespaces") or "namespaceSelector" in term for term in _affinity_terms(spec))


def _affinity_terms(spec: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    affinity = mapping(spec.get("affinity"))
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = mapping(affinity.get(kind))
        for term in sequence(terms.get("requiredDuringSchedulingIgnoredDuringExecution")):
            yield mapping(term)
        for weighted in sequence(terms.get("preferredDuringSchedulingIgnoredDuringExecution")):
            yield mapping(mapping(weighted).get("podAffinityTerm"))
