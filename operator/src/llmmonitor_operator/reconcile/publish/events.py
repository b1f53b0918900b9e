"""Events on an LLMMonitor: what `kubectl describe` shows below the status, one for each transition.

A courtesy (they last an hour): one that cannot be written is logged and counted, and never stops a pass. The
name follows from what is said and when, so that saying it twice writes one.
"""

from __future__ import annotations

import logging
from hashlib import blake2b
from typing import Any

from llmmonitor_api.spec.monitor import GROUP, KIND, VERSION
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Conflict
from llmmonitor_operator.kube.raw import Raw

COMPONENT = "llm-monitor"
MESSAGE_BYTES_LIMIT = 1024
_NAME_LIMIT = 253
_HASH_BYTES = 8

_log = logging.getLogger(__name__)


async def emit(kube: Kube, raw_monitor: Raw, transition: Transition, now: float, reporter: str) -> bool:
    """Write one Event.

    Args:
        kube: where to.
        raw_monitor: what it is about, as the API server gave it.
        transition: what happened.
        now: Unix seconds.
        reporter: the operator's pod.

    Returns:
        Whether it is there now. No `ApiError` leaves this function.
    """
    namespace = raw_monitor["metadata"]["namespace"]
    try:
        await kube.create(paths.events(namespace), event(raw_monitor, transition, now, reporter))
    except Conflict:
        return True  # said before, by the pass that this one repeats
    except ApiError as error:
        name = raw_monitor["metadata"]["name"]
        _log.warning("event %s of %s %s/%s not written: %s", transition.reason, KIND, namespace, name, error)
        return False
    return True


def event(raw_monitor: Raw, transition: Transition, now: float, reporter: str) -> dict[str, Any]:
    """The Event (core/v1)."""
    metadata = raw_monitor["metadata"]
    at = moment(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": metadata["namespace"], "name": _name(metadata, transition, at)},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "type": transition.type,
        "reason": transition.reason,
        "message": _cut(transition.message),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": reporter,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def _name(metadata: Raw, transition: Transition, at: str) -> str:
    said = "\0".join((metadata["uid"], transition.type, transition.reason, transition.message, at))
    digest = blake2b(said.encode(), digest_size=_HASH_BYTES).hexdigest()
    start = str(metadata["name"])[: _NAME_LIMIT - len(digest) - 1].rstrip(".-")
    return f"{start}.{digest}"


def _cut(message: str) -> str:
    """The API server counts bytes."""
    raw = message.encode()
    if len(raw) <= MESSAGE_BYTES_LIMIT:
        return message
    return raw[: MESSAGE_BYTES_LIMIT - len("…".encode())].decode(errors="ignore") + "…"
