"""What the last operator does when the release is uninstalled: tell every sidecar to stop.

On SIGTERM its own Deployment tells which end this is: one that is there means a restart or a roll-out, whose
successor goes on; one that is gone (or may not be asked for any more) means that nobody will. What says
neither (an API server that is away, busy or does not know the token) stops nothing: that may be the end of
this process alone. Everything needed is in memory already. Sidecars that do not hear it idle when their
configuration runs out.
"""

from __future__ import annotations

import asyncio
import logging

from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_operator.pods.pod import is_mine_to_watch
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.sidecars.standing import address_of
from llmmonitor_operator.reconcile.watch.own_deployment import OwnDeployment

_log = logging.getLogger(__name__)


async def say_farewell(parts: Parts, own: OwnDeployment) -> None:
    """Stop all sidecars if the release is gone; otherwise do nothing."""
    if not await own.is_gone():
        return
    pods = [pod for namespace in parts.view.pod_namespaces for pod in parts.view.pods(namespace)]
    addresses = [address for pod in pods if is_mine_to_watch(pod) and (address := address_of(pod))]
    _log.warning("the release is uninstalled: telling %d sidecars to stop", len(addresses))
    await asyncio.gather(*(_stop(parts, address) for address in addresses))


async def _stop(parts: Parts, address: Address) -> None:
    try:
        await parts.sidecars.stop(address)
    except (NoAnswer, RefusedBySidecar, UnreadableReport) as error:
        _log.warning(
            "sidecar at %s not stopped, it idles when its configuration runs out: %s", address.ip, error
        )
