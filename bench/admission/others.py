"""Other releases of the chart are kept away from the bench's pods, for which they would be called too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.kube.raw import Raw

WEBHOOK = "inject.llmmonitor.io"
_KEY = "kubernetes.io/metadata.name"
Change = list[dict[str, Any]]


@asynccontextmanager
async def kept_away(kube: Kube, namespaces: Sequence[str]) -> AsyncIterator[int]:
    """As long as the context lasts, no webhook of ours that is there acts in `namespaces`; gives how many."""
    collection = paths.webhook_configuration("").rstrip("/")
    changed = []
    try:
        for one in (await kube.list(collection)).items:
            if change := leaving_out(one, namespaces):
                await kube.patch(f"{collection}/{one['metadata']['name']}", change, Patch.JSON)
                changed.append(one["metadata"]["name"])
        yield len(changed)
    finally:
        for name in changed:
            now = await kube.get(f"{collection}/{name}")
            if change := as_before(now, namespaces):
                await kube.patch(f"{collection}/{name}", change, Patch.JSON)


def leaving_out(configuration: Raw, namespaces: Sequence[str]) -> Change:
    """The JSON patch by which our webhooks in it leave out `namespaces`; none where it has none of ours."""
    change: Change = []
    for number, webhook in enumerate(configuration.get("webhooks") or ()):
        if webhook["name"] == WEBHOOK:
            expressions = [*_expressions(webhook), _expression(namespaces)]
            change.append(_with(number, webhook, expressions))
    return change


def as_before(configuration: Raw, namespaces: Sequence[str]) -> Change:
    """The JSON patch that takes `leaving_out` back, and nothing that somebody else has changed since."""
    change: Change = []
    for number, webhook in enumerate(configuration.get("webhooks") or ()):
        expressions = _expressions(webhook)
        if _expression(namespaces) in expressions:
            kept = [one for one in expressions if one != _expression(namespaces)]
            change.append(_with(number, webhook, kept))
    return change


def _expressions(webhook: Raw) -> list[Raw]:
    return list((webhook.get("namespaceSelector") or {}).get("matchExpressions") or ())


def _expression(namespaces: Sequence[str]) -> Raw:
    return {"key": _KEY, "operator": "NotIn", "values": list(namespaces)}


def _with(number: int, webhook: Raw, expressions: list[Raw]) -> dict[str, Any]:
    selector = {**(webhook.get("namespaceSelector") or {}), "matchExpressions": expressions}
    return {"op": "add", "path": f"/webhooks/{number}/namespaceSelector", "value": selector}
