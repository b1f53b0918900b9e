"""What the last operator does when the release is uninstalled: tell every sidecar to stop.

Helm deletes the Deployment, and moments later the rights. So on SIGTERM the operator asks for its own
Deployment: an answer that it is there means a restart or a roll-out, whose successor goes on; anything else
means that nobody will. Everything needed is in memory already. Sidecars that do not hear it idle when their
configuration runs out.
"""

from __future__ import annotations

import asyncio
import logging

from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.errors import ApiError, Unavailable
from llmmonitor_operator.pods.pod import is_mine_to_watch
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecars.client import Address, NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.sidecars.standing import address_of

_log = logging.getLogger(__name__)


async def say_farewell(parts: Parts) -> None:
    """Stop all sidecars if the release is gone; otherwise do nothing."""
    if not await _uninstalled(parts):
        return
    pods = [pod for namespace in parts.view.pod_namespaces for pod in parts.view.pods(namespace)]
    addresses = [address for pod in pods if is_mine_to_watch(pod) and (address := address_of(pod))]
    _log.warning("the release is uninstalled: telling %d sidecars to stop", len(addresses))
    await asyncio.gather(*(_stop(parts, address) for address in addresses))


async def _uninstalled(parts: Parts) -> bool:
    settings = parts.settings
    try:
        deployment = await parts.kube.get(paths.deployment(settings.namespace, f"{settings.name}-operator"))
    except Unavailable:
        return False
    except ApiError:
        return True
    return bool(deployment["metadata"].get("deletionTimestamp"))


async def _stop(parts: Parts, address: Address) -> None:
    try:
        await parts.sidecars.stop(address)
    except (NoAnswer, RefusedBySidecar, UnreadableReport) as error:
        _log.warning(
            "sidecar at %s not stopped, it idles when its configuration runs out: %s", address.ip, error
        )
