"""To the operator on a person's behalf: sealed to its key, by way of the API server, with the person's token.

Where the operator is, and its key, stand in the monitor's status. The answer, and a case in it, are sealed to
a key that is made here and lives as long as the command.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from llmmonitor_api.people import ANSWERED, ASKED, AUDIENCE, PATH, Act, Ask, Reply, Sealed
from llmmonitor_api.review import Case, Offer
from llmmonitor_api.signing.sealed import CannotUnseal, generate_sealing_key, sealed, unsealed
from llmmonitor_cli.kubeconfig import object_name
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, NotFound

TOKEN_SECONDS = 3_600
TRIES = 40
"""The Service has a standby too, which answers nobody; each try may meet it."""
TRY_AGAIN_SECONDS = 0.25
_NOT_LEADING = frozenset({"ServiceUnavailable", "Service Unavailable", "Bad Gateway"})
"""The API server's own words, or HTTP's, when nobody listens where it asked; the operator's are others."""


class NotDone(RuntimeError):
    """The operator did not do what was asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The one that acts for a monitor, as a person asks it."""

    kube: Kube
    namespace: str
    name: str
    """Of the monitor."""
    place: str
    """Path of its door, at the API server."""
    key: bytes
    token: str = field(repr=False)
    ours: X25519PrivateKey = field(default_factory=generate_sealing_key, repr=False)
    clock: Callable[[], float] = time.time

    async def ask(self, act: Act, **what: Any) -> Reply:
        """Have it done.

        Raises:
            NotDone: it was refused, or the operator cannot be reached.
        """
        for left in reversed(range(TRIES)):
            body = Sealed(sealed(msgspec.json.encode(self._ask(act, what)), self.key, ASKED))
            try:
                answer = await self.kube.create(self.place, msgspec.to_builtins(body))
                return self._read(answer)
            except ApiError as error:
                if error.reason in _NOT_LEADING and left:
                    await asyncio.sleep(TRY_AGAIN_SECONDS)
                    continue
                raise NotDone(error.message or str(error)) from error
        raise AssertionError("the last try raises")

    def read(self, offer: Offer) -> Case:
        """The case in an offer.

        Raises:
            NotDone: it is sealed to somebody else, or no case.
        """
        try:
            return msgspec.json.decode(unsealed(offer.sealed, self.ours, offer.pod_uid), type=Case)
        except (CannotUnseal, msgspec.MsgspecError) as error:
            raise NotDone(f"the case cannot be read: {error}") from error

    def _ask(self, act: Act, what: dict[str, Any]) -> Ask:
        return Ask(
            act=act,
            token=self.token,
            namespace=self.namespace,
            name=self.name,
            reply_to=self.ours.public_key().public_bytes_raw(),
            at=self.clock(),
            nonce=secrets.token_urlsafe(16),
            **what,
        )

    def _read(self, answer: dict[str, Any]) -> Reply:
        try:
            content = unsealed(msgspec.convert(answer, Sealed).sealed, self.ours, ANSWERED)
            return msgspec.json.decode(content, type=Reply)
        except (CannotUnseal, msgspec.MsgspecError, ValueError) as error:
            raise NotDone(f"the operator's answer cannot be read: {error}") from error


async def operator_of(kube: Kube, namespace: str, name: str, token: str) -> Operator:
    """Whom to ask about the monitor.

    Raises:
        NotDone: there is no such monitor, or its status names nobody.
    """
    named = f"LLMMonitor {namespace}/{name}"
    try:
        monitor = await kube.get(paths.monitor(namespace, name))
    except NotFound:
        raise NotDone(f"no {named}; see: kubectl get llmm -A") from None
    except ApiError as error:
        raise NotDone(f"{named}: {error}") from error
    said = (monitor.get("status") or {}).get("reviewers") or {}
    place, _, service = str(said.get("operator", "")).partition("/")
    try:
        key = base64.b64decode(said.get("key", ""), validate=True)
    except binascii.Error:
        key = b""
    if not service or not key:
        raise NotDone(
            f"the status of {named} names no operator that answers people: the chart's people.enabled, and an"
            " operator of this version, are needed"
        )
    return Operator(kube, namespace, name, paths.service_proxy(place, service, PATH), key, token)


async def token_of(kube: Kube, service_account: str | None) -> str:
    """By what the operator learns who asks: the kubeconfig's own token, or one made for a ServiceAccount.

    Args:
        kube: the person's connection.
        service_account: NAMESPACE/NAME; a token of it is made for the operator alone, and is worth nothing
            elsewhere. None: the kubeconfig's.

    Raises:
        NotDone: there is none.
    """
    if service_account is None:
        token = await kube.own_token()
        if not token:
            raise NotDone(
                "your kubeconfig has no token (a certificate tells the API server who you are, and nobody"
                " else): say --as-service-account NAMESPACE/NAME, of one that is yours alone"
            )
        return token
    namespace, _, name = service_account.partition("/")
    try:
        namespace, name = object_name(namespace), object_name(name)
    except ValueError as error:
        raise NotDone(f"{service_account!r} is no NAMESPACE/NAME of a ServiceAccount: {error}") from None
    spec = {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_SECONDS}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    try:
        answer = await kube.create(paths.service_account_token(namespace, name), body)
    except ApiError as error:
        raise NotDone(f"no token of ServiceAccount {service_account}: {error}") from error
    return str(answer["status"]["token"])
