"""The operator's Ed25519 keys, in a Secret of the release: what sidecars believe configurations by.

The first is made once and kept on uninstall: sidecars believe no other. So a key that cannot be read is never
replaced here; a person decides. Everything about a rotation stands in the Secret too, and one update, against
the version that was read, makes each step: an operator that dies at any line leaves a state from which the
next one goes on, and of two only one takes a step. What is kept is used only once it is kept.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from secrets import token_bytes
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
from llmmonitor_operator.shards import SHARDS_LIMIT, Shard

FILE = "ed25519.pem"
"""The key in use: PKCS #8 in PEM, as all of them."""
FINGERPRINT_FILE = "fingerprint.key"
_FINGERPRINT_KEY_BYTES = 32
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

Decide = Callable[[Keyring, str, Sequence[str]], Step]
"""From what is kept, a person's word, and the other shards that are waited for, to what is to be kept."""
Progress = Callable[[Keyring, Sequence[str]], str]
"""How far it has come, in words, with the other shards that are waited for."""

_log = logging.getLogger(__name__)


class UnusableSigningKey(ValueError):
    """There is a Secret, but no key in it; the message says which, why, and the way out."""


class SigningKeys:
    """The Secret of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str, shards: int = 1) -> None:
        """Args: shards: operators of this release that divide its namespaces."""
        self._shards = shards
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

    async def fingerprint_key(self) -> bytes:
        """By which arguments that may hold secrets are hashed, made once: it never leaves the operator.

        Not a signing key, which is replaced now and then: every model would seem to have changed.

        Raises:
            ApiError: the API server refuses or is away, or there is no Secret.
        """
        secret = await self._kube.get(self._path)
        data: Mapping[str, str] = secret.get("data") or {}
        with contextlib.suppress(binascii.Error, ValueError):
            kept = base64.b64decode(data.get(FINGERPRINT_FILE, ""), validate=True)
            if len(kept) >= _FINGERPRINT_KEY_BYTES:
                return kept
        made = token_bytes(_FINGERPRINT_KEY_BYTES)
        body = {**secret, "data": {**data, FINGERPRINT_FILE: base64.b64encode(made).decode()}}
        try:
            await self._kube.replace(self._path, body)
        except Conflict:  # another shard's operator wrote it at the same moment: what it made counts
            return await self.fingerprint_key()
        return made

    async def look(self, in_use: Keyring, decide: Decide, progress: Progress) -> Keyring:
        """Take the step that is due and keep it; the keys to use from now on.

        A Secret that somebody deleted is made again: the next operator would make another key. One that holds
        another key is somebody's decision, and said.

        Args:
            in_use: the keys so far.
            decide: see `Decide`.
            progress: see `Progress`.

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
        kept = self._followed(secret, in_use)
        return in_use if kept is None else await self._stepped(secret, kept, decide, progress)

    async def follow(self, in_use: Keyring, shard: Shard, waiting: Callable[[Keyring], object]) -> Keyring:
        """Use what is kept, and say there once all sidecars of this shard believe the next key.

        Args:
            in_use: the keys so far.
            shard: one that does not take the steps.
            waiting: whether there are sidecars of its own that do not.

        Raises:
            ApiError: the API server refuses or is away, or there is no Secret.
        """
        secret = await self._kube.get(self._path)
        kept = self._followed(secret, in_use)
        if kept is None or kept.next is None:
            return kept or in_use
        annotations = secret["metadata"].get("annotations") or {}
        name = _believed_by(shard.index)
        wanted = {one: text for one, text in annotations.items() if one != name}
        if not waiting(kept):
            wanted[name] = kept.next.id
        if wanted != annotations:
            metadata = {**secret["metadata"], "annotations": wanted}
            with contextlib.suppress(Conflict):  # the next look says it
                await self._kube.replace(self._path, {**secret, "metadata": metadata})
        return kept

    def _followed(self, secret: Raw, in_use: Keyring) -> Keyring | None:
        """What is kept, when it follows from what is in use; None, and it is said, when it does not."""
        try:
            kept = _keyring(secret)
        except UnusableSigningKey as error:
            _log.error("%s", error)
            return None
        annotations = secret["metadata"].get("annotations") or {}
        if in_use.current not in kept.newest_first and annotations.get(_REVOKED) != in_use.current.id:
            _log.error("Secret %s/%s holds another key than the one in use", self._namespace, self._name)
            return None
        return kept

    async def _stepped(self, secret: Raw, kept: Keyring, decide: Decide, progress: Progress) -> Keyring:
        annotations: Mapping[str, str] = secret["metadata"].get("annotations") or {}
        others = [
            f"those of shard {index}"
            for index in range(1, self._shards)
            if kept.next is not None and annotations.get(_believed_by(index)) != kept.next.id
        ]
        step = decide(kept, annotations.get(ROTATE, ""), others)
        said = progress(step.keys, others) or step.said
        said = said or ("" if kept.next else annotations.get(PROGRESS, ""))
        ours = {ROTATE, PROGRESS, _SINCE}
        if step.keys.next is None:
            ours.update(_believed_by(index) for index in range(SHARDS_LIMIT))
        wanted = {name: text for name, text in annotations.items() if name not in ours}
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


def _believed_by(index: int) -> str:
    """Annotation: the key that all sidecars of this shard believe."""
    return f"llmmonitor.io/believed-by-shard-{index}"


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
