"""When injection stops in a namespace, and when it is tried again.

It stops when our sidecar kept a pod from starting (`SidecarBlocksPod`) or a controller could not create a pod
and the sidecar may be why (`InjectionSuspended`). It goes on when the cause may be gone: the namespace's
rules or the sidecar's image changed, or enough time passed (a quota was freed, a pull secret mended), twice
as long after each suspension. And at once where it shows that the sidecar was not the cause: pods are refused
without it too. Attaching goes on all the while: it cannot block a pod.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.preflight.fingerprint import of_one_namespace
from llmmonitor_operator.preflight.refusals import Blame, Refused
from llmmonitor_operator.preflight.verdict import Cleared, NamespaceVerdict

FIRST_SECONDS = 600.0
LONGEST_SECONDS = 86_400.0
_DOUBLINGS = 8
"""More make no difference."""
LEFT_ALONE_SECONDS = 60.0
"""After a suspension began no pod is injected any more: a watch brings it to the webhook in far less."""
CLEARED_SECONDS = 3600.0
"""For so long refusals of a controller's pods, in doubt, count no more: then once again."""
_CLEARED_LIMIT = 16


def suspend(  # noqa: PLR0913 - all that is kept of it
    verdict: NamespaceVerdict, reason: Reason, message: str, *, image: str, now: float, in_doubt: str = ""
) -> NamespaceVerdict:
    """No injection from now on; a suspension that holds already keeps its begin and its message.

    Args:
        verdict: the namespace's.
        reason: SIDECAR_BLOCKS_POD or INJECTION_SUSPENDED.
        message: what happened, in the kubelet's or the API server's words.
        image: of the sidecar that it happened with.
        now: Unix seconds.
        in_doubt: UID of the controller whose pods were refused, where the sidecar may not be why.
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
        in_doubt=in_doubt,
    )


def after_refusals(
    verdict: NamespaceVerdict, refusals: Sequence[tuple[Refused, Blame]], *, image: str, now: float
) -> NamespaceVerdict:
    """What follows from refused pods that may have had the sidecar.

    Args:
        verdict: the namespace's, under the rules of now.
        refusals: since the last suspension began or ended.
        image: of the sidecar.
        now: Unix seconds.
    """
    if verdict.suspended:
        return _cleared(verdict, refusals, now)
    by_blame = {blame: [one for one, of in refusals if of is blame] for blame in Blame}
    for one in by_blame[Blame.OURS]:
        words = f"pods of {one.title} are refused, and without the sidecar they might not be: {one.words}"
        return suspend(verdict, reasons.INJECTION_SUSPENDED, words, image=image, now=now)
    known = {one.controller for one in verdict.cleared if 0 <= now - one.at < CLEARED_SECONDS}
    for one in by_blame[Blame.UNKNOWN]:
        if one.controller in known:
            continue
        words = (
            f"pods of {one.title} are refused, for what cannot be told to be the sidecar or not"
            f" (it is not, and injection goes on, if they are refused without it too): {one.words}"
        )
        return suspend(
            verdict, reasons.INJECTION_SUSPENDED, words, image=image, now=now, in_doubt=one.controller
        )
    return verdict


def _cleared(
    verdict: NamespaceVerdict, refusals: Sequence[tuple[Refused, Blame]], now: float
) -> NamespaceVerdict:
    """Controllers whose pods are refused without the sidecar as well were not refused it for its sake."""
    found = {
        one.controller
        for one, blame in refusals
        if one.controller and blame is not Blame.OURS and one.at > verdict.suspended_at + LEFT_ALONE_SECONDS
    }
    if verdict.suspended != reasons.INJECTION_SUSPENDED.name or verdict.in_doubt not in found:
        return verdict
    kept = [one for one in verdict.cleared if one.controller not in found]
    cleared = [*kept, *(Cleared(controller, now) for controller in sorted(found))][-_CLEARED_LIMIT:]
    return msgspec.structs.replace(
        _lifted(verdict, now), cleared=tuple(cleared), suspensions=max(verdict.suspensions - 1, 0)
    )


def _lifted(verdict: NamespaceVerdict, now: float) -> NamespaceVerdict:
    return msgspec.structs.replace(
        verdict, suspended="", message="", suspended_at=now, suspended_image="", in_doubt=""
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
        return _lifted(verdict, now)
    return verdict


def ends_at(verdict: NamespaceVerdict) -> float:
    """Unix seconds at which a suspension is lifted by itself."""
    doublings = min(max(verdict.suspensions - 1, 0), _DOUBLINGS)
    return verdict.suspended_at + min(FIRST_SECONDS * 2.0**doublings, LONGEST_SECONDS)
