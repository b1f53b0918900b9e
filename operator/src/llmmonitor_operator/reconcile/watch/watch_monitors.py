"""LLMMonitors by kopf: its events, and nothing else of it.

Handlers of creation, update or deletion, timers and daemons would put a finalizer and annotations on the
objects (with the operator stopped, `kubectl delete` would hang), so there are none. Scanning for kinds and
posting of events are off too: they would need rights that nothing else needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kopf
import msgspec

from llmmonitor_api.spec.monitor import GROUP, PLURAL, VERSION
from llmmonitor_operator.kube.mirror import without_managed_fields

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_READ_ANEW_AFTER = timedelta(minutes=5)

Seen = Callable[[str, dict[str, Any]], None]
"""Called with the event's type (`DELETED`, or anything else: it is there) and the object."""


def service_account(environment: Mapping[str, str], folder: Path = _SERVICE_ACCOUNT) -> kopf.ConnectionInfo:
    """The pod's own credentials, and the API server by its address: kopf would look its name up.

    The kubelet renews the token every hour or so; what expires is read anew.

    Raises:
        kopf.TemporaryError: this is no pod, or the token is not there yet.
    """
    try:
        host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
        token = (folder / "token").read_text().strip()
    except (KeyError, OSError) as error:
        raise kopf.TemporaryError(f"no ServiceAccount of a pod: {error}", delay=5) from error
    return kopf.ConnectionInfo(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_path=str(folder / "ca.crt"),
        token=token,
        expiration=datetime.now(UTC) + _READ_ANEW_AFTER,
    )


class _NoDifferences(kopf.DiffBaseStorage):
    """kopf compares every object, deeply copied twice, to the one handled last: for handlers of changes."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:  # noqa: ARG002 - kopf's
        """Nothing to compare."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002 - kopf's
        """Nothing was handled."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is written to an object."""


async def watch_monitors(seen: Seen, namespaces: Sequence[str], kubeconfig: str) -> None:
    """Tell of every LLMMonitor as it is now and as it changes; returns on SIGTERM or SIGINT.

    Args:
        seen: told.
        namespaces: where to look; empty: everywhere.
        kubeconfig: a file; empty: the pod's ServiceAccount.
    """
    registry = kopf.OperatorRegistry()

    # a coroutine, because kopf runs plain functions in threads
    async def on_event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's own name
        thing = without_managed_fields(dict(body))
        seen(type or "LISTED", msgspec.to_builtins(thing))  # a copy, twenty times as fast as deepcopy's

    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if kubeconfig:
            return kopf.login_with_kubeconfig(**kwargs)
        return service_account(os.environ)

    kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(on_event)
    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.TEMPORARY)(login)
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDifferences()
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
    )
