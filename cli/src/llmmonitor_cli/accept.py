"""`llm-monitor accept`: what is now is the new normal of a monitor, so its baseline of drift begins anew.

It sets an annotation on the LLMMonitor with the permissions of whoever types it; the operator does the rest
with its next pass. Said again later, it begins anew again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from llmmonitor_cli.kubeconfig import namespace_of, speaking_to
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, NotFound
from llmmonitor_operator.reconcile.keep.drift_watcher import ACCEPTED


class NotAccepted(RuntimeError):
    """The monitor could not be told; the message says why and what to do."""


async def accept(kube: Kube, namespace: str, name: str, now: datetime) -> str:
    """Have the baseline of the monitor begin anew; gives what to tell the person.

    Raises:
        NotAccepted: there is no such monitor, or the API server refuses or is away.
    """
    word = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    patch = {"metadata": {"annotations": {ACCEPTED: word}}}
    try:
        monitor = await kube.patch(paths.monitor(namespace, name), patch)
    except NotFound:
        raise NotAccepted(f"no LLMMonitor {namespace}/{name}; see: kubectl get llmm -A") from None
    except ApiError as error:
        raise NotAccepted(f"LLMMonitor {namespace}/{name}: {error}") from error
    drift = ((monitor.get("spec") or {}).get("drift") or {}).get("baseline") or {}
    lasts = drift.get("minDuration", "7d")
    return (
        f"llmmonitor {namespace}/{name}: what comes from {word} on is the new normal; drift is judged"
        f" again when the new baseline spans {lasts}, and scores are provisional until then"
    )


async def run(name: str, namespace: str | None, context: str | None, now: datetime) -> str:
    """The same by the person's kubeconfig.

    Raises:
        NotAccepted: as `accept`.
        NoCluster: there is no usable kubeconfig.
    """
    async with speaking_to(context) as kube:
        return await accept(kube, namespace or namespace_of(context), name, now)
