"""The operator's own Deployment, watched so that an uninstall is known before its rights are gone.

Helm deletes the Deployment first, then the roles, then the ServiceAccount. The watch that is open tells of
the first; who asks afterwards is told 403, and within ten seconds 401 (seen: after 3.4 s), which an API
server also says that has trouble with tokens.
"""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, NotFound
from llmmonitor_operator.kube.mirror import Mirror


class OwnDeployment:
    """Whether it is still wanted that the operator runs."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        """Args: name: of the Deployment."""
        self._kube = kube
        self._path = paths.deployment(namespace, name)
        self._mirror = Mirror(
            kube, paths.deployments(namespace), keep=_metadata, field_selector=f"metadata.name={name}"
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._mirror.run()

    async def is_gone(self) -> bool:
        """Whether it was deleted; asked for once more, and where no answer tells, by what was watched."""
        try:
            found = await self._kube.get(self._path)
        except (NotFound, Forbidden):
            return True
        except ApiError:
            return self.was_deleted()
        return not _stays(found)

    def was_deleted(self) -> bool:
        """Whether the watch has told so."""
        return self._mirror.synced.is_set() and not any(map(_stays, self._mirror.objects.values()))


def _metadata(thing: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": thing["metadata"]}


def _stays(deployment: dict[str, Any]) -> bool:
    return not deployment["metadata"].get("deletionTimestamp")
