"""The operator's Ed25519 keys, in a Secret of the release: what sidecars believe configurations by.

The first is made once and kept on uninstall: sidecars believe no other. So a key that cannot be read is never
replaced here; a person decides. Everything about a rotation stands in the Secret too, and one update, against
the version that was read, makes each step: an operator that dies at any line leaves a state from which the
next one goes on, and of two only one takes a step. What is kept is used only once it is kept.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from llmmonitor_api.signing.keys import private_key_from_pem, private_key_to_pem
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.keys.keyring import Keyring, OldKey, SigningKey
from llmmonitor_operator.keys.rotation import Step
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Conflict, NotFound
from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw

FILE = "ed25519.pem"
"""The key in use: PKCS #8 in PEM, as all of them."""
NEXT_FILE = "ed25519-next.pem"
_OLD_FILE = re.compile(r"ed25519-old-(\d{1,12})\.pem")
"""With the Unix seconds at which it was replaced."""
ROTATE = "llmmonitor.io/rotate"
"""Annotation: a person's word (`keys.rotation.Word`), taken off once it was obeyed or refused."""
PROGRESS = "llmmonitor.io/rotation"
"""Annotation: how far a rotation has come, or how the last word ended, for people."""
_SINCE = "llmmonitor.io/rotation-since"
_REVOKED = "llmmonitor.io/revoked"
"""Annotation: the name of the key that was revoked: that there is another one is no mistake then."""

_log = logging.getLogger(__name__)


class UnusableSigningKey(ValueError):
    """There is a Secret, but no key in it; the message says which, why, and the way out."""


class SigningKeys:
    """The Secret of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = f"{fullname}-signing-key"
        self._labels = kept(fullname)
        self._path = paths.secret(namespace, self._name)

    async def load(self) -> Keyring:
        """The keys; the first is made if there is none.

        Raises:
            UnusableSigningKey: the Secret holds no Ed25519 key.
            ApiError: the API server refuses or is away.
        """
        try:
            return _keyring(await self._kube.get(self._path))
        except NotFound:
            keys = Keyring(SigningKey.new())
        try:
            await self._create(keys)
        except Conflict:  # another replica made one at the same moment: that one counts
            return _keyring(await self._kube.get(self._path))
        _log.info("made the signing key %s in Secret %s/%s", keys.current.id, self._namespace, self._name)
        return keys

    async def look(
        self,
        in_use: Keyring,
        decide: Callable[[Keyring, str], Step],
        progress: Callable[[Keyring], str],
    ) -> Keyring:
        """Take the step that is due and keep it; the keys to use from now on.

        A Secret that somebody deleted is made again: the next operator would make another key. One that holds
        another key is somebody's decision, and said.

        Args:
            in_use: the keys so far.
            decide: from what is kept and a person's word to what is to be kept.
            progress: how far it has come, in words.

        Raises:
            ApiError: the API server refuses or is away.
        """
        try:
            secret = await self._kube.get(self._path)
        except NotFound:
            await self._create(in_use)
            words = "Secret %s/%s was deleted: made again with the keys in use"
            _log.warning(words, self._namespace, self._name)
            return in_use
        try:
            kept = _keyring(secret)
        except UnusableSigningKey as error:
            _log.error("%s", error)
            return in_use
        annotations = secret["metadata"].get("annotations") or {}
        if in_use.current not in kept.newest_first and annotations.get(_REVOKED) != in_use.current.id:
            _log.error("Secret %s/%s holds another key than the one in use", self._namespace, self._name)
            return in_use
        return await self._stepped(secret, kept, decide, progress)

    async def _stepped(
        self,
        secret: Raw,
        kept: Keyring,
        decide: Callable[[Keyring, str], Step],
        progress: Callable[[Keyring], str],
    ) -> Keyring:
        annotations: Mapping[str, str] = secret["metadata"].get("annotations") or {}
        step = decide(kept, annotations.get(ROTATE, ""))
        said = progress(step.keys) or step.said or ("" if kept.next else annotations.get(PROGRESS, ""))
        wanted = {name: text for name, text in annotations.items() if name not in {ROTATE, PROGRESS, _SINCE}}
        if said:
            wanted[PROGRESS] = said
        if step.keys.overlap_since is not None:
            wanted[_SINCE] = moment(step.keys.overlap_since)
        if kept.current not in step.keys.newest_first:
            wanted[_REVOKED] = kept.current.id
        if step.keys == kept and wanted == annotations:
            return kept
        data = {name: pem for name, pem in (secret.get("data") or {}).items() if not _is_ours(name)}
        body = {
            **secret,
            "metadata": {**secret["metadata"], "annotations": wanted},
            "data": data | _files(step.keys),
        }
        try:
            await self._kube.replace(self._path, body)
        except Conflict:  # somebody else wrote it: the next look begins with what they wrote
            return kept
        if step.said:
            _log.warning("Secret %s/%s: %s", self._namespace, self._name, step.said)
        return step.keys

    async def _create(self, keys: Keyring) -> None:
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace, "labels": self._labels}
        if keys.overlap_since is not None:
            metadata["annotations"] = {_SINCE: moment(keys.overlap_since)}
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        await self._kube.create(paths.secrets(self._namespace), {**body, "data": _files(keys)})


def _files(keys: Keyring) -> dict[str, str]:
    found = {FILE: keys.current}
    if keys.next is not None:
        found[NEXT_FILE] = keys.next
    found |= {f"ed25519-old-{int(one.retired_at):012}.pem": one.key for one in keys.old}
    return {name: base64.b64encode(private_key_to_pem(key.private)).decode() for name, key in found.items()}


def _is_ours(name: str) -> bool:
    return name in {FILE, NEXT_FILE} or _OLD_FILE.fullmatch(name) is not None


def _keyring(secret: Raw) -> Keyring:
    data: Mapping[str, str] = secret.get("data") or {}
    since = unix_seconds((secret["metadata"].get("annotations") or {}).get(_SINCE))
    following = _key(secret, NEXT_FILE) if NEXT_FILE in data else None
    ages = sorted(
        (match for name in data if (match := _OLD_FILE.fullmatch(name))), key=lambda one: int(one[1])
    )
    return Keyring(
        _key(secret, FILE),
        following,
        since if following is not None else None,
        tuple(OldKey(_key(secret, age[0]), float(age[1])) for age in ages),
    )


def _key(secret: Raw, file: str) -> SigningKey:
    metadata, encoded = secret["metadata"], (secret.get("data") or {}).get(file, "")
    try:
        return SigningKey.of(private_key_from_pem(base64.b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError) as error:
        why = error if encoded else "it is not there"
        raise UnusableSigningKey(
            f"Secret {metadata['namespace']}/{metadata['name']}, key {file}: {why}. Restore the Secret from a"
            " backup; or delete it and restart the operator, which makes a new key: every running sidecar is"
            " then Outdated until its pod is attached or started anew"
        ) from error
