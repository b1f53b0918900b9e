"""Ed25519 keys: making them, writing them down, and the name by which a signature says which one it used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY_ID_HEX_DIGITS = 32

PublicKeys = Mapping[str, Ed25519PublicKey]
"""Public keys by `key_id`: more than one while a key is being replaced."""


def generate_private_key() -> Ed25519PrivateKey:
    """A new key from the system's randomness."""
    return Ed25519PrivateKey.generate()


def private_key_to_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS #8 in PEM, not encrypted: for a Secret, never for a pod."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private_key_from_pem(pem: bytes) -> Ed25519PrivateKey:
    """The key that `private_key_to_pem` wrote.

    Raises:
        ValueError: if this is no PEM of an unencrypted Ed25519 key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not an unencrypted PEM private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"the PEM holds a {type(key).__name__}; an Ed25519 private key is needed")  # noqa: TRY004 - the value is wrong, not the argument's type
    return key


def public_key_bytes(key: Ed25519PublicKey | Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def public_key_from_bytes(raw: bytes) -> Ed25519PublicKey:
    """A public key from its 32 bytes.

    Raises:
        ValueError: if there are not 32.
    """
    return Ed25519PublicKey.from_public_bytes(raw)


def key_id(key: Ed25519PublicKey | Ed25519PrivateKey) -> str:
    """The name of a key: the first 128 bits of the SHA-256 of its public half, in hex."""
    return sha256(public_key_bytes(key)).hexdigest()[:_KEY_ID_HEX_DIGITS]


def public_keys_by_id(keys: Iterable[Ed25519PublicKey]) -> PublicKeys:
    """The keys that a verifier takes, by their names; none of them means that everything is refused."""
    return {key_id(key): key for key in keys}
