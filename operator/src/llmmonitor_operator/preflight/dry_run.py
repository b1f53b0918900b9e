"""Asking the API server itself whether a namespace admits the sidecar: the patch to try, and its answer read.

A dry-run of attaching to a running pod goes through Pod Security Admission and every policy, and needs no
right to create pods. An answer that says nothing about the sidecar (a webhook that is down, a pod that is
gone, a right that we lack) is no refusal. The asking is left to the caller, as is the real attach, whose
answers are read here as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.inject.ephemeral import ephemeral
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

_POD_SECURITY = "violates PodSecurity"
_CANNOT_CALL = "failed calling webhook"
_NO_DRY_RUN = "does not support dry run"
_DENIED = re.compile(r"denied (the )?request")
"""Of webhooks (`denied the request: ...`) and of ValidatingAdmissionPolicies (`denied request: ...`)."""
_NOT_OURS_TO_DO = re.compile(r'User ".*" cannot [a-z]+ resource')
_ANOTHER_RELEASE = re.compile(r"Only the image \S+ may be attached: the chart's sidecar\.image")
"""Of our own policy: an upgrade has written the new image there, and this operator is still the old one."""
_NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server says of one sidecar in one pod."""

    admitted: bool | None
    """None: it did not come to a judgement of the sidecar."""
    words: str = ""
    """Its own, empty when it admits."""
    refused_by: str = ""
    """A reason of the condition Injected, when it does not admit."""
    untestable: bool = False
    """No dry-run is served here; only the real thing can tell."""


def attaching(pod: Raw, plan: Plan, number: int) -> dict[str, Any]:
    """The strategic merge patch of `pods/ephemeralcontainers` that attaches, in a dry-run or in earnest.

    The pod's UID goes with it, so that a successor of the same name is left alone (409).
    """
    metadata = pod.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
    patch: dict[str, Any] = {"spec": {"ephemeralContainers": [ephemeral(pod, plan, number)]}}
    return {"metadata": {"uid": uid}, **patch} if uid else patch


def read_answer(status: int, message: str) -> Answer:
    """What the answer means.

    Args:
        status: the HTTP status; 0 when none came.
        message: of the Status object that came with it.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(admitted=True)
    if _POD_SECURITY in message:
        words = message[message.index(_POD_SECURITY) :]
        return Answer(admitted=False, words=words, refused_by=reasons.POD_SECURITY_FORBIDS.name)
    if _NO_DRY_RUN in message:
        return Answer(admitted=None, words=message, untestable=True)
    if _not_judged(status, message):
        return Answer(admitted=None, words=message or "no answer")
    policy = _DENIED.search(message)
    plug_in = status == HTTPStatus.FORBIDDEN and not _NOT_OURS_TO_DO.search(message)
    if policy or plug_in:
        return Answer(admitted=False, words=message, refused_by=reasons.INJECTION_SUSPENDED.name)
    return Answer(admitted=None, words=message)


def _not_judged(status: int, message: str) -> bool:
    unable = status == _NO_ANSWER or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _CANNOT_CALL in message
    return unable or _ANOTHER_RELEASE.search(message) is not None


def learned(verdict: NamespaceVerdict, mode: Mode, answer: Answer) -> NamespaceVerdict:
    """The verdict with what `answer` to a sidecar of `mode` adds.

    An answer that judges nothing leaves what is known under these rules: else every pod that goes away during
    a roll-out would end injection in the middle of it.
    """
    if answer.admitted is None:
        message = verdict.message if verdict.suspended else answer.words
        return msgspec.structs.replace(verdict, untestable=answer.untestable, message=message)
    words = {"refusal": answer.words, "refused_by": answer.refused_by}
    if answer.admitted:
        refused = (verdict.plain if mode is Mode.TRANSPARENT else verdict.transparent) is False
        words = {} if refused else {"refusal": "", "refused_by": ""}
    if not verdict.suspended:
        words["message"] = ""
    found = "transparent" if mode is Mode.TRANSPARENT else "plain"
    return msgspec.structs.replace(verdict, untestable=False, **{found: answer.admitted}, **words)
