"""Whether pods that are made anew get the sidecar: the webhook is there, knows enough, and would do it."""

from __future__ import annotations

from llmmonitor_operator.admit.decide import Surroundings
from llmmonitor_operator.admit.injectable import not_asked
from llmmonitor_operator.admit.successor import why_not_injected
from llmmonitor_operator.attach.evict import KNOWN_AFTER_SECONDS
from llmmonitor_operator.configure import first_configuration
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import NotFound
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.sidecars.standing import Facts


class Successors:
    """Of all monitors' pods."""

    def __init__(self, kube: Kube, monitors: Monitors, settings: OperatorSettings) -> None:
        self._kube = kube
        self._monitors = monitors
        self._settings = settings
        self._open: dict[str, tuple[object, float]] = {}
        """By UID of the monitor: by what its new pods get the sidecar, and since when (Unix seconds)."""

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._open.pop(uid, None)

    async def why_closed(self, pod: Raw, facts: Facts) -> tuple[str, float]:
        """Why the pod's successor would come without the sidecar, in words, empty when it would have it.

        And in how many seconds that will be otherwise by itself; 0 when that is not known.
        """
        monitor, now = facts.monitor, facts.now
        words = self._why_not_injected(pod, facts)
        if words:
            self._open.pop(monitor.metadata.uid, None)
            return f"new pods would not get the sidecar: {words}", 0.0
        key = (monitor.metadata.generation, facts.verdict, facts.common)
        known, since = self._open.get(monitor.metadata.uid, (None, now))
        if known != key or not now - since >= 0:
            since = now
        self._open[monitor.metadata.uid] = key, since
        if now - since < KNOWN_AFTER_SECONDS:
            return "the webhook is given time to learn what was found here", KNOWN_AFTER_SECONDS
        return await self._why_not_asked(), 0.0

    def _why_not_injected(self, pod: Raw, facts: Facts) -> str:
        if facts.left_out:
            return "there is no room for the namespace's verdict beside the others'"
        around = Surroundings(
            namespace=facts.namespace or {},
            monitors=[
                known.monitor
                for known in self._monitors.of(facts.monitor.metadata.namespace)
                if known.monitor is not None
            ],
            common=facts.common,
            verdict=facts.verdict,
            fresh=True,
            quotas=facts.quotas,
            limit_ranges=facts.limit_ranges,
        )
        words = not_asked(facts.webhook, facts.namespace)
        return words or why_not_injected(pod, around, first_configuration)

    async def _why_not_asked(self) -> str:
        """Why no webhook would be asked about new pods, in words."""
        name = f"{self._settings.name}-webhook"
        try:
            deployment = await self._kube.get(paths.deployment(self._settings.namespace, name))
        except NotFound:
            return "the webhook is not installed (webhook.enabled), so that new pods get no sidecar"
        if (deployment.get("status") or {}).get("readyReplicas"):
            return ""
        return f"no replica of the webhook is Ready (Deployment {self._settings.namespace}/{name})"
