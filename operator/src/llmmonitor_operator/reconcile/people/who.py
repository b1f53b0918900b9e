"""Who asks, by TokenReview, and whether that person may, by SubjectAccessReview: the API server decides both.

A token that was made for this alone (audience `llm-monitor`) is taken first; one for the API server is taken
too, since people have those. Tokens are kept nowhere, and no answer of these two is kept either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmmonitor_api.people import AUDIENCE, Act
from llmmonitor_api.spec.monitor import GROUP, PLURAL
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.people.refusal import not_allowed, not_now, unknown_person

RIGHTS: Mapping[Act, tuple[str, str]] = {
    Act.NEXT: ("get", "review"),
    Act.JUDGE: ("update", "review"),
    Act.ERASE: ("delete", "clients"),
}
"""Verb and subresource of llmmonitors that each act needs."""


@dataclass(frozen=True, slots=True)
class Person:
    """As the API server knows whoever asks."""

    name: str
    user: Mapping[str, Any]
    """`status.user` of the TokenReview."""


async def who(kube: Kube, token: str) -> Person:
    """The person whose token it is.

    Raises:
        Refused: the API server does not know it, or cannot be asked.
    """
    said = ""
    for audiences in ([AUDIENCE], []):
        spec = {"token": token, **({"audiences": audiences} if audiences else {})}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        try:
            status = (await kube.create(paths.TOKEN_REVIEWS, body)).get("status") or {}
        except ApiError as error:
            raise not_now(f"who asks is not known: the TokenReview failed: {error}") from error
        user = status.get("user") or {}
        if status.get("authenticated") and user.get("username"):
            return Person(str(user["username"]), user)
        said = status.get("error") or said
    raise unknown_person(f"the API server does not know this token{f': {said}' if said else ''}")


async def check(kube: Kube, person: Person, act: Act, monitor: Key) -> None:
    """Return if the person may.

    Raises:
        Refused: not so, or the API server cannot be asked.
    """
    verb, subresource = RIGHTS[act]
    namespace, name = monitor
    attributes = {
        "group": GROUP,
        "version": "*",
        "resource": PLURAL,
        "subresource": subresource,
        "verb": verb,
        "namespace": namespace,
        "name": name,
    }
    user = person.user
    spec = {
        "user": person.name,
        "groups": user.get("groups") or [],
        "uid": user.get("uid") or "",
        "extra": user.get("extra") or {},
        "resourceAttributes": attributes,
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    try:
        status = (await kube.create(paths.SUBJECT_ACCESS_REVIEWS, body)).get("status") or {}
    except ApiError as error:
        raise not_now(f"whether {person.name} may is not known: {error}") from error
    if not status.get("allowed"):
        raise not_allowed(
            f"{person.name} may not {verb} {PLURAL}.{GROUP}/{subresource} of {namespace}/{name}; the chart's"
            " ClusterRole llm-monitor-reviewer, bound in that namespace, grants it"
        )
