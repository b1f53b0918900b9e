"""Which rules a verdict was found under: a digest of all in a namespace that decides about pods in it.

A label added to the namespace, a quota or a limit makes another digest at once, in the webhook's own cache,
long before the operator has looked again: an old verdict must not admit a pod under new rules. All labels
count, since any policy may select namespaces by any of them. A namespace made anew under its old name is
another one, whatever its rules: its UID stands first. What a quota has used changes with every pod and
does not count; `limits` looks at that afresh for every pod.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from llmmonitor_operator.kube.raw import Raw, mapping

_ANNOTATIONS = ("linkerd.io/inject", "openshift.io/sa.scc.uid-range", "openshift.io/sa.scc.mcs")
"""Annotations of a namespace that decide about its pods."""
_LENGTH = 20
_WHOSE, _THEN = 8, "."
"""How much of the namespace's UID stands before the digest, and what is between them."""


def fingerprint(namespace: Raw, quotas: Sequence[Raw], limit_ranges: Sequence[Raw]) -> str:
    """The same text for the same rules, whatever the order they come in.

    Args:
        namespace: the Namespace object.
        quotas: its ResourceQuota objects.
        limit_ranges: its LimitRange objects.
    """
    metadata = mapping(namespace.get("metadata"))
    annotations = mapping(metadata.get("annotations"))
    rules = {
        "labels": mapping(metadata.get("labels")),
        "annotations": {key: annotations[key] for key in _ANNOTATIONS if key in annotations},
        "quotas": sorted(_canonical(_quota(quota)) for quota in quotas),
        "limits": sorted(_canonical(_named(limits, "limits")) for limits in limit_ranges),
    }
    digest = hashlib.sha256(_canonical(rules)).hexdigest()[:_LENGTH]
    return f"{str(metadata.get('uid') or '')[:_WHOSE]}{_THEN}{digest}"


def of_one_namespace(one: str, other: str) -> bool:
    """Whether two fingerprints may be of the same namespace, not of two that had its name in turn.

    Those of versions before, and of a namespace that is not known, do not say whose they are.
    """
    whose, other_whose = (each.rpartition(_THEN)[0] for each in (one, other))
    return not whose or not other_whose or whose == other_whose


def _quota(quota: Raw) -> Mapping[str, object]:
    return {**_named(quota, "hard"), **_named(quota, "scopes"), **_named(quota, "scopeSelector")}


def _named(item: Raw, field: str) -> Mapping[str, object]:
    name = mapping(item.get("metadata")).get("name", "")
    return {"name": name, field: mapping(item.get("spec")).get(field)}


def _canonical(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
