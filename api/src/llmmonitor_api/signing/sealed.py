"""What one sidecar alone may read of a configuration: sealed to a key that it publishes in its report.

HPKE in base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305. That it comes
from the operator is said by the configuration's signature; for whom it is by the pod's UID, as HPKE's `info`.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SEALING_KEY_BYTES = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class CannotUnseal(ValueError):
    """It was sealed to another key or pod, or is damaged."""


def generate_sealing_key() -> X25519PrivateKey:
    """A new one from the system's randomness; it never leaves the process."""
    return X25519PrivateKey.generate()


def sealed(secret: bytes, public_key: bytes, pod_uid: str) -> bytes:
    """`secret` for the holder of this public key (raw, 32 bytes), in this pod.

    Raises:
        ValueError: that is no public key.
    """
    return _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(public_key), pod_uid.encode())


def unsealed(data: bytes, key: X25519PrivateKey, pod_uid: str) -> bytes:
    """What `sealed` was given.

    Raises:
        CannotUnseal: see there.
    """
    try:
        return _SUITE.decrypt(data, key, pod_uid.encode())
    except InvalidTag as error:
        raise CannotUnseal("sealed to another key or pod, or damaged") from error
