"""The operator's Ed25519 key, in a Secret of the release: what sidecars believe configurations by.

Made once and kept on uninstall: a new key makes every running sidecar `Outdated`. So a key that cannot be
read is never replaced here; a person decides. One that was deleted is still known to the operator that runs.
"""

from __future__ import annotations

import base64
import binascii
import logging

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.signing.keys import (
    generate_private_key,
    key_id,
    private_key_from_pem,
    private_key_to_pem,
)
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Conflict, NotFound
from llmmonitor_operator.kube.labels import KEPT
from llmmonitor_operator.kube.raw import Raw

FILE = "ed25519.pem"
"""The Secret's only entry: PKCS #8 in PEM."""
_log = logging.getLogger(__name__)


class UnusableSigningKey(ValueError):
    """There is a Secret, but no key in it; the message says which, why, and the way out."""


async def signing_key(kube: Kube, namespace: str, name: str) -> Ed25519PrivateKey:
    """The key of the release `name` in `namespace`; made if there is none.

    Raises:
        UnusableSigningKey: the Secret holds no Ed25519 key.
        ApiError: the API server refuses or is away.
    """
    secret = f"{name}-signing-key"
    path = paths.secret(namespace, secret)
    try:
        return _key(await kube.get(path))
    except NotFound:
        key = generate_private_key()
    try:
        await kube.create(paths.secrets(namespace), _secret(namespace, secret, key))
    except Conflict:  # another replica made one at the same moment: that one counts
        return _key(await kube.get(path))
    _log.info("made the signing key %s in Secret %s/%s", key_id(key), namespace, secret)
    return key


async def keep(kube: Kube, namespace: str, name: str, key: Ed25519PrivateKey) -> None:
    """Make the Secret again if somebody deleted it: the next operator would make another key.

    One that holds something else is somebody's decision, and said.

    Raises:
        ApiError: the API server refuses or is away.
    """
    secret = f"{name}-signing-key"
    try:
        there = _key(await kube.get(paths.secret(namespace, secret)))
    except NotFound:
        await kube.create(paths.secrets(namespace), _secret(namespace, secret, key))
        _log.warning("Secret %s/%s was deleted: made again with the key in use", namespace, secret)
    except UnusableSigningKey as error:
        _log.error("%s", error)
    else:
        if key_id(there.public_key()) != key_id(key.public_key()):
            _log.error("Secret %s/%s holds another key than the one in use", namespace, secret)


def _secret(namespace: str, name: str, key: Ed25519PrivateKey) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": KEPT},
        "type": "Opaque",
        "data": {FILE: base64.b64encode(private_key_to_pem(key)).decode()},
    }


def _key(secret: Raw) -> Ed25519PrivateKey:
    metadata, encoded = secret["metadata"], (secret.get("data") or {}).get(FILE, "")
    try:
        return private_key_from_pem(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        why = error if encoded else "it is not there"
        raise UnusableSigningKey(
            f"Secret {metadata['namespace']}/{metadata['name']}, key {FILE}: {why}. Restore the Secret from a"
            " backup; or delete it and restart the operator, which makes a new key: every running sidecar is"
            " then Outdated until its pod is attached or started anew"
        ) from error
