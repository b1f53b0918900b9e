"""Pods that controllers could not create, of those that a monitor would have.

Events say it, and name the controller, not the pod: whether a monitor selects its pods is read from the
controller's template. Where that cannot be known, they are taken for selected.
"""

from __future__ import annotations

import logging
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.pods.pod import opted_out, our_native
from llmmonitor_operator.pods.selectors import owner_among
from llmmonitor_operator.preflight.refusals import Blame, Refused, blame, refused_pod
from llmmonitor_operator.preflight.verdict import Common
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView

_PATHS = {"ReplicaSet": paths.replica_set, "StatefulSet": paths.stateful_set}
_CONTROLLERS_LIMIT = 64
"""Of a namespace, that are looked at: beyond, their pods are taken for selected."""

_log = logging.getLogger(__name__)


class Refusals:
    """Of all namespaces."""

    def __init__(self, kube: Kube, view: ClusterView, monitors: Monitors) -> None:
        self._kube = kube
        self._view = view
        self._monitors = monitors
        self._templates: dict[str, dict[tuple[str, float], Raw | None]] = {}
        """By namespace, then UID and time of the refusal: a StatefulSet's template may be another by then."""

    def events(self, namespace: str, since: float) -> list[Refused]:
        """All that were refused there after `since`."""
        found = (refused_pod(event, since) for event in self._view.failed_creates(namespace))
        return [one for one in found if one is not None]

    async def of(self, namespace: str, since: float, common: Common) -> list[tuple[Refused, Blame]]:
        """Those that a monitor would have, and whose fault it is."""
        refused = self.events(namespace, since)
        before = self._templates.get(namespace, {})
        now = {(one.controller, one.at) for one in refused}
        self._templates[namespace] = {key: kept for key, kept in before.items() if key in now}
        injected = sum(our_native(pod) is not None for pod in self._view.pods(namespace))
        return [
            (one, blame(one.words, common, injected))
            for one in refused
            if await self._may_be_ours(namespace, one)
        ]

    def forget(self, namespace: str) -> None:
        """No monitor is there any more."""
        self._templates.pop(namespace, None)

    async def _may_be_ours(self, namespace: str, one: Refused) -> bool:
        template = await self._template(namespace, one)
        if template is None:
            return True
        monitors = [known.monitor for known in self._monitors.of(namespace) if known.monitor is not None]
        return owner_among(monitors, template) is not None and not opted_out(template)

    async def _template(self, namespace: str, one: Refused) -> Raw | None:
        known = self._templates[namespace]
        key = one.controller, one.at
        if key not in known:
            if len(known) >= _CONTROLLERS_LIMIT:
                return None
            known[key] = await self._read(namespace, one)
        return known[key]

    async def _read(self, namespace: str, one: Refused) -> Raw | None:
        """Of what its pods are made; None where that cannot be known."""
        kind, _, name = one.title.partition(" ")
        path = _PATHS.get(kind)
        if path is None or not one.controller:
            return None
        try:
            raw: dict[str, Any] = await self._kube.get(path(namespace, name))
        except ApiError as error:
            _log.info("%s of namespace %s, whose pods are refused, not read: %s", one.title, namespace, error)
            return None
        template = mapping(mapping(raw.get("spec")).get("template"))
        if mapping(raw.get("metadata")).get("uid") != one.controller or not template:
            return None
        return {**template, "metadata": mapping(template.get("metadata"))}
