"""When injection stops in a namespace, and when it is tried again.

It stops when our sidecar kept a pod from starting (`SidecarBlocksPod`) or a controller could not create a pod
(`InjectionSuspended`). It goes on when the cause may be gone: the namespace's rules or the sidecar's image
changed, or enough time passed (a quota was freed, a pull secret mended), twice as long after each suspension.
Attaching goes on all the while: it cannot block a pod.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from llmmonitor_api.conditions import Reason
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.fingerprint import of_one_namespace
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

FIRST_SECONDS = 600.0
LONGEST_SECONDS = 86_400.0
_DOUBLINGS = 8
"""More make no difference."""
FAILED_CREATE = "FailedCreate"
"""What controllers call it when the API server refuses their pod."""


def suspend(
    verdict: NamespaceVerdict, reason: Reason, message: str, *, image: str, now: float
) -> NamespaceVerdict:
    """No injection from now on; a suspension that holds already keeps its begin and its message.

    Args:
        verdict: the namespace's.
        reason: SIDECAR_BLOCKS_POD or INJECTION_SUSPENDED.
        message: what happened, in the kubelet's or the API server's words.
        image: of the sidecar that it happened with.
        now: Unix seconds.
    """
    if verdict.suspended == reason.name:
        return verdict
    return msgspec.structs.replace(
        verdict,
        suspended=reason.name,
        message=message,
        suspended_at=now,
        suspended_image=image,
        suspensions=verdict.suspensions + 1,
    )


def under_rules(
    verdict: NamespaceVerdict | None, fingerprint: str, *, image: str, now: float
) -> NamespaceVerdict:
    """What of an older verdict holds under the rules and the image of now.

    Under other rules nothing is known of what is admitted; what was seen running stays seen. In another
    namespace of the same name nothing was seen.
    """
    if verdict is None or not of_one_namespace(verdict.fingerprint, fingerprint):
        return NamespaceVerdict(fingerprint=fingerprint)
    if verdict.fingerprint != fingerprint:
        return NamespaceVerdict(
            fingerprint=fingerprint,
            proved_image=verdict.proved_image,
            suspended_at=now if verdict.suspended else verdict.suspended_at,
            suspensions=verdict.suspensions,
        )
    if verdict.suspended and (verdict.suspended_image != image or now >= ends_at(verdict)):
        return msgspec.structs.replace(
            verdict, suspended="", message="", suspended_at=now, suspended_image=""
        )
    return verdict


def ends_at(verdict: NamespaceVerdict) -> float:
    """Unix seconds at which a suspension is lifted by itself."""
    doublings = min(max(verdict.suspensions - 1, 0), _DOUBLINGS)
    return verdict.suspended_at + min(FIRST_SECONDS * 2.0**doublings, LONGEST_SECONDS)


def refused_pod(event: Raw, since: float) -> str:
    """The words of an Event that says a controller's pod was refused after `since`; empty for any other.

    Whether it was refused for our sake cannot be told from it, so every one counts.
    """
    if event.get("reason") != FAILED_CREATE:
        return ""
    series = event.get("series")
    again = series.get("lastObservedTime") if isinstance(series, Mapping) else None
    seen = [unix_seconds(one) for one in (again, event.get("lastTimestamp"), event.get("eventTime"))]
    newest = max((one for one in seen if one is not None), default=0.0)
    return str(event.get("message") or FAILED_CREATE) if newest > since else ""
