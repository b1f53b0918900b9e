"""A controller's pod was refused: could the sidecar be why? Read from the API server's words.

In doubt it could: injection then stops, and what comes next tells. A pod that is refused without the sidecar
too was not refused for it (`suspension`). Only what would be refused without any sidecar of ours is let pass:
words that name containers and not ours, causes that lie outside of what we add, and a quota that would be
exceeded even if none of our sidecars counted in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import INJECTED_LABEL, MONITOR_ANNOTATION, NATIVE_NAME
from llmmonitor_operator.preflight.resource_list import ResourceList, UnreadableQuantity, read
from llmmonitor_operator.preflight.verdict import Common

FAILED_CREATE = "FailedCreate"
"""What controllers call it when the API server refuses their pod."""

_OURS = (NATIVE_NAME, INJECTED_LABEL, MONITOR_ANNOTATION)
_WITH_OR_WITHOUT_US = re.compile(
    r'serviceaccount "[^"]*" not found'
    r"|no PriorityClass with name"
    r'|RuntimeClass "[^"]*" not found'
    r"|because it is being terminated"
    r"|already exists"
    r"|violates PodSecurity"  # names the containers that do: ours was looked for before
    r"|must specify [^:]* for: "  # a quota's words, which name containers too
)
_EXCEEDED = re.compile(r"exceeded quota: [^,]*, requested: (.*?), used: (.*?), limited: ([^\s;]*)")
_FIELD = re.compile(r"\b(?:spec|metadata)(?:\.\w+|\[[^\]]*\])+")
_FIELD_OF_THEIRS = re.compile(
    r"spec\.(?:volumes|containers\[\d+\]\.(?:resources|image|volumeMounts|volumeDevices|securityContext))\b"
)
"""Of a pod that is invalid: what no patch of ours touches."""


class Blame(StrEnum):
    """Whose fault it is that the pod was refused."""

    OURS = "ours"
    """The sidecar's, or it might be admitted without sidecars."""
    THEIRS = "theirs"
    """It would be refused without any, too."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refused:
    """A controller could not create a pod."""

    controller: str
    """Its UID; empty when the event does not say."""
    title: str
    """`ReplicaSet chat-7d4b9c`."""
    at: float
    """Unix seconds, the last time."""
    words: str
    """The API server's."""


def refused_pod(event: Raw, since: float) -> Refused | None:
    """What an Event says of a pod that was refused after `since`; None for any other."""
    if event.get("reason") != FAILED_CREATE:
        return None
    again = mapping(event.get("series")).get("lastObservedTime")
    seen = [unix_seconds(one) for one in (again, event.get("lastTimestamp"), event.get("eventTime"))]
    newest = max((one for one in seen if one is not None), default=0.0)
    if newest <= since:
        return None
    about = mapping(event.get("involvedObject"))
    title = f"{about.get('kind') or 'controller'} {about.get('name') or '?'}"
    return Refused(str(about.get("uid") or ""), title, newest, str(event.get("message") or FAILED_CREATE))


def blame(words: str, common: Common, injected: int) -> Blame:
    """Whose fault it is, by the API server's words.

    Args:
        words: of the refusal.
        common: what our sidecar asks for.
        injected: how many pods of the namespace have one: a quota counts them all.
    """
    if any(name in words for name in _OURS):
        return Blame.OURS
    exceeded = _EXCEEDED.search(words)
    if exceeded is not None:
        requested, used, limited = (_listed(part) for part in exceeded.groups())
        return _of_quota(requested, used, limited, ours=_asked_by(1 + injected, common))
    if _WITH_OR_WITHOUT_US.search(words):
        return Blame.THEIRS
    fields = _FIELD.findall(words) if " is invalid: " in words else []
    theirs = bool(fields) and all(_FIELD_OF_THEIRS.match(one) for one in fields)
    return Blame.THEIRS if theirs else Blame.UNKNOWN


def _of_quota(
    requested: ResourceList, used: ResourceList, limited: ResourceList, *, ours: ResourceList
) -> Blame:
    """The quota's words name only what is exceeded; one resource that is so without us is enough."""
    if not requested or not requested.keys() <= used.keys() & limited.keys():
        return Blame.UNKNOWN
    without = {name: asked + used[name] - ours.get(name, Decimal(0)) for name, asked in requested.items()}
    return Blame.THEIRS if any(without[name] > limited[name] for name in without) else Blame.OURS


def _asked_by(sidecars: int, common: Common) -> ResourceList:
    """The most that they ask for, whatever the QoS classes of their pods; nothing of what is not here."""
    try:
        sizes = read(
            {
                "cpu": common.cpu_request,
                "guaranteed": common.guaranteed_cpu,
                "memory": common.memory_request,
                "limit": common.memory_limit,
            }
        )
    except UnreadableQuantity:
        return {}
    cpu = sidecars * max(sizes["cpu"], sizes["guaranteed"])
    memory = sidecars * max(sizes["memory"], sizes["limit"])
    return {
        "cpu": cpu,
        "requests.cpu": cpu,
        "limits.cpu": cpu,
        "memory": memory,
        "requests.memory": memory,
        "limits.memory": memory,
    }


def _listed(text: str) -> ResourceList:
    """`pods=1,requests.memory=1Gi`; nothing of what cannot be read."""
    pairs: Mapping[str, str] = dict(one.split("=", 1) for one in text.split(",") if "=" in one)
    try:
        return read(pairs)
    except UnreadableQuantity:
        return {}
