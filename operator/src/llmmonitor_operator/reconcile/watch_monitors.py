"""LLMMonitors by kopf: its events, and nothing else of it.

Handlers of creation, update or deletion, timers and daemons would put a finalizer and annotations on the
objects (with the operator stopped, `kubectl delete` would hang), so there are none. Scanning for kinds and
posting of events are off too: they would need rights that nothing else needs.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from llmmonitor_api.spec.monitor import GROUP, PLURAL, VERSION

Seen = Callable[[str, dict[str, Any]], None]
"""Called with the event's type (`DELETED`, or anything else: it is there) and the object."""


async def watch_monitors(seen: Seen, namespaces: Sequence[str], kubeconfig: str, stop: asyncio.Event) -> None:
    """Tell of every LLMMonitor as it is now and as it changes; returns on SIGTERM, SIGINT or `stop`.

    Args:
        seen: told.
        namespaces: where to look; empty: everywhere.
        kubeconfig: a file; empty: the pod's ServiceAccount.
        stop: when it is set, kopf ends.
    """
    registry = kopf.OperatorRegistry()

    def on_event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's own name
        seen(type or "LISTED", copy.deepcopy(dict(body)))

    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if kubeconfig:
            return kopf.login_with_kubeconfig(**kwargs)
        return kopf.login_with_service_account(**kwargs)

    kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(on_event)
    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.TEMPORARY)(login)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 320
    settings.networking.request_timeout = 10
    await kopf.operator(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=tuple(namespaces),
        stop_flag=stop,
    )
