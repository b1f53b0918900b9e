"""What RBAC grants to a ServiceAccount and what it has asked for, in the same words, so that they compare.

A right is a verb on a resource, in one namespace or in all. Names (`resourceNames`) are not compared: what
they don't allow is a request that the log itself calls forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from e2e.cluster.audit import Request
from e2e.kubectl import Kubectl

_EVERYBODYS = {"authentication.k8s.io", "authorization.k8s.io"}
"""Groups in which every account may ask about itself (system:basic-user)."""


class Right(NamedTuple):
    """A verb on a resource (with its subresource); `namespace` is empty for all of them."""

    verb: str
    group: str
    resource: str
    namespace: str


def granted(cluster: Kubectl, namespace: str, account: str) -> set[Right]:
    """What the account's Roles and ClusterRoles grant."""
    rights: set[Right] = set()
    for kind, all_namespaces in (("clusterrolebindings", ()), ("rolebindings", ("--all-namespaces",))):
        for binding in cluster.get(kind, *all_namespaces)["items"]:
            if _binds(binding, namespace, account):
                place = binding["metadata"].get("namespace", "")
                reference = binding["roleRef"]
                where = (f"--namespace={place}",) if reference["kind"] == "Role" else ()
                role = cluster.get(f"{reference['kind'].lower()}/{reference['name']}", *where)
                rights |= _of_rules(role["rules"], place)
    return rights


def used(requests: Iterable[Request], namespace: str, account: str) -> set[Right]:
    """What the account has asked for, allowed or not."""
    return {
        Right(one.verb, one.group, one.resource, one.namespace)
        for one in requests
        if (one.namespace_of_account, one.account) == (namespace, account)
        and one.resource
        and one.group not in _EVERYBODYS
    }


def allows(right: Right, wanted: Right) -> bool:
    """Whether a right covers a request."""
    return right[:3] == wanted[:3] and right.namespace in {"", wanted.namespace}


def _binds(binding: Mapping[str, Any], namespace: str, account: str) -> bool:
    subjects = binding.get("subjects") or ()
    return any(
        (one["kind"], one["name"], one.get("namespace")) == ("ServiceAccount", account, namespace)
        for one in subjects
    )


def _of_rules(rules: Iterable[Mapping[str, Any]], namespace: str) -> set[Right]:
    return {
        Right(verb, group, resource, namespace)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
    }
