"""Whose what the operator makes in the release namespace is: the Deployment's, with which it goes."""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube


async def owner_reference(kube: Kube, namespace: str, deployment: str) -> dict[str, Any]:
    """To a Deployment.

    Raises:
        ApiError: it is not there, or the API server refuses or is away.
    """
    found = await kube.get(paths.deployment(namespace, deployment))
    metadata = found["metadata"]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
