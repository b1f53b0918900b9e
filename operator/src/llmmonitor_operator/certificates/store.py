"""Carries out what `rotation` decides, on two Secrets and one webhook configuration; reads again after each.

Everything is written against the resource version that was read: of two operators that write at once one is
refused, reads again and finds the work done. Nothing else in these objects is touched, so the chart, GitOps
and cert-manager's injector keep what is theirs. Used only where the operator makes the certificates itself;
with cert-manager nothing here runs.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cryptography import x509

from llmmonitor_operator.certificates import pem
from llmmonitor_operator.certificates.authority import Authority, Pair, issue, make_authority
from llmmonitor_operator.certificates.rotation import (
    Issue,
    MakeAuthority,
    Publish,
    Remember,
    Rest,
    Step,
    Stored,
    next_step,
)
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Patch
from llmmonitor_operator.kube.errors import ApiError, Conflict, NotFound
from llmmonitor_operator.kube.labels import of_release
from llmmonitor_operator.kube.raw import Raw

WEBHOOK = "inject.llmmonitor.io"
"""The entry of the webhook configuration whose `caBundle` is ours."""

_STEPS_LIMIT = 12
"""More than any pass needs; whoever writes against us so often is left alone until the next one."""
_LONGEST_PAUSE = timedelta(minutes=1)
_LABELS = of_release("webhook")

_log = logging.getLogger(__name__)


class Api(Protocol):
    """What is needed of `kube.api.Kube`."""

    async def get(self, path: str) -> dict[str, Any]:
        """One object."""

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new object."""

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One object in place of the one of that resource version."""

    async def patch(self, path: str, body: Any, kind: Patch) -> dict[str, Any]:
        """One object changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose certificates, and where they are kept."""

    namespace: str
    name: str
    """What the names of the release's objects begin with; also the webhook configuration's whole name."""
    owner: Raw
    """An ownerReference to the operator's Deployment: the Secrets go with it."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """By which name the API server calls the webhook's Service."""
        return (f"{self.name}-webhook.{self.namespace}.svc",)


@dataclass(frozen=True, slots=True)
class _Read:
    """The objects as they were read; None where there is none."""

    authority: dict[str, Any] | None
    serving: dict[str, Any] | None
    configuration: dict[str, Any] | None


class CertificateStore:
    """The webhook's certificates in one release."""

    def __init__(
        self,
        kube: Api,
        place: Place,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Args: failed: called for each pass that failed."""
        self._failed = failed
        self._kube = kube
        self._place = place
        self._now = now
        self._published: tuple[x509.Certificate, ...] | None = None
        self._published_since = now()
        self.problem = ""
        """Why the last pass failed, in words; empty if it did not."""

    async def keep(self) -> None:
        """Keep the certificates valid until cancelled; what fails is said, and tried again."""
        while True:
            try:
                rest = await self.tend()
            except Exception as error:  # noqa: BLE001 - what people wrote there must not end who leads
                if self.problem != str(error):
                    unforeseen = not isinstance(error, ApiError)
                    _log.warning("the webhook's certificates: %s", error, exc_info=unforeseen)
                self.problem = str(error) or type(error).__name__
                self._failed()
                pause = _LONGEST_PAUSE / 4
            else:
                self.problem = ""
                # no longer, since somebody may delete a Secret meanwhile
                pause = min(rest.until - self._now(), _LONGEST_PAUSE)
            await asyncio.sleep(max(1.0, pause.total_seconds()))

    async def tend(self) -> Rest:
        """Do what is to be done now; gives when there will be more.

        Raises:
            ApiError: the API server refused or is away; what was written so far is a good beginning.
        """
        for _ in range(_STEPS_LIMIT):
            read = await self._read()
            now = self._now()
            step = next_step(self._stored(read, now), self._place.hosts, now)
            if isinstance(step, Rest):
                return step
            try:
                await self._take(step, read, now)
            except (Conflict, NotFound) as error:
                _log.info("the webhook's certificates: somebody else wrote first (%s); reading again", error)
        return Rest(now + _LONGEST_PAUSE)

    async def _take(self, step: Step, read: _Read, now: datetime) -> None:
        match step:
            case MakeAuthority(because):
                made = make_authority(f"{self._place.name}-webhook-ca", now)
                await self._write_authority(read.authority, made)
                _log.info("made a new authority for the webhook: %s", because)
            case Remember(trusted):
                await self._write_serving(read.serving, {"ca.crt": pem.write_certificates(trusted)})
            case Publish(trusted):
                await self._publish(read.configuration or {}, trusted)
                _log.info("the API server now trusts %d authorities of the webhook", len(trusted))
            case Issue(because, trusted):
                pair = issue(_authority(read.authority), self._place.hosts, now)
                content = {
                    "tls.crt": pem.write_certificates([pair.certificate]),
                    "tls.key": pem.write_key(pair.key),
                    "ca.crt": pem.write_certificates(trusted),
                }
                await self._write_serving(read.serving, content)
                until = pair.certificate.not_valid_after_utc
                _log.info("issued a certificate for the webhook until %s: %s", f"{until:%Y-%m-%d}", because)

    async def _read(self) -> _Read:
        place = self._place
        return _Read(
            await self._get(paths.secret(place.namespace, f"{place.name}-webhook-ca")),
            await self._get(paths.secret(place.namespace, f"{place.name}-webhook-tls")),
            await self._get(paths.webhook_configuration(place.name)),
        )

    async def _get(self, path: str) -> dict[str, Any] | None:
        try:
            return await self._kube.get(path)
        except NotFound:
            return None

    def _stored(self, read: _Read, now: datetime) -> Stored:
        authority, authority_problem = None, ""
        if read.authority is not None:
            try:
                authority = _authority(read.authority)
            except pem.Unreadable as error:
                authority_problem = f"the stored one is unreadable: {error}"
        serving: Pair | None = None
        serving_problem = ""
        if read.serving is not None:
            try:
                serving = pem.read_pair(_data(read.serving, "tls.crt"), _data(read.serving, "tls.key"))
            except pem.Unreadable as error:
                serving_problem = f"the stored one is unreadable: {error}"
        published = _published(read.configuration)
        if published != self._published or now < self._published_since:
            self._published, self._published_since = published, now
        return Stored(
            authority=authority,
            authority_problem=authority_problem,
            serving=serving,
            serving_problem=serving_problem,
            remembered=None if read.serving is None else pem.read_certificates(_data(read.serving, "ca.crt")),
            published=published,
            published_since=self._published_since,
        )

    async def _write_authority(self, before: dict[str, Any] | None, made: Authority) -> None:
        content = {"ca.crt": pem.write_certificates([made.certificate]), "ca.key": pem.write_key(made.key)}
        await self._write(before, f"{self._place.name}-webhook-ca", "Opaque", content)

    async def _write_serving(self, before: dict[str, Any] | None, content: Mapping[str, bytes]) -> None:
        await self._write(before, f"{self._place.name}-webhook-tls", "kubernetes.io/tls", content)

    async def _write(
        self, before: dict[str, Any] | None, name: str, kind: str, content: Mapping[str, bytes]
    ) -> None:
        namespace = self._place.namespace
        data = {key: base64.b64encode(value).decode() for key, value in content.items()}
        if before is None:
            owners = [dict(self._place.owner)]
            metadata = {"name": name, "namespace": namespace, "labels": _LABELS, "ownerReferences": owners}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}
            await self._kube.create(paths.secrets(namespace), secret)
            return
        changed = {**before, "data": {**(before.get("data") or {}), **data}}
        await self._kube.replace(paths.secret(namespace, name), changed)

    async def _publish(self, configuration: Raw, trusted: tuple[x509.Certificate, ...]) -> None:
        """Writes no field but the one, and only while the entry is still where it was."""
        index = _index(configuration)
        bundle = base64.b64encode(pem.write_certificates(trusted)).decode()
        version = configuration["metadata"]["resourceVersion"]
        operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle},
        ]
        await self._kube.patch(paths.webhook_configuration(self._place.name), operations, Patch.JSON)


def _authority(secret: Raw | None) -> Authority:
    secret = secret or {}
    return pem.read_authority(_data(secret, "ca.crt"), _data(secret, "ca.key"))


def _published(configuration: Raw | None) -> tuple[x509.Certificate, ...] | None:
    """What is trusted; None also where the configuration has no entry of ours, so that none is touched."""
    if configuration is None or _index(configuration) is None:
        return None
    entry = configuration["webhooks"][_index(configuration)]
    return pem.read_certificates(_decoded(entry.get("clientConfig", {}).get("caBundle")))


def _index(configuration: Raw) -> int | None:
    entries = configuration.get("webhooks") or []
    return next((index for index, entry in enumerate(entries) if entry.get("name") == WEBHOOK), None)


def _data(secret: Raw, key: str) -> bytes:
    return _decoded((secret.get("data") or {}).get(key))


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except binascii.Error:
        return b""
