"""Certificates and keys as PEM: what a Secret, a `caBundle` or a mounted file holds, with garbage told apart.

Whoever may write these objects can put anything there; what cannot be read is named, and made anew by
`rotation` rather than believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from llmmonitor_operator.certificates.authority import Authority, Pair

BYTES_LIMIT = 256 * 1024
"""More than any chain of certificates needs."""

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.{1,65536}?-----END CERTIFICATE-----", re.DOTALL)
_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Unreadable(ValueError):
    """This is no certificate with its key; the text says what is wrong with it."""


def read_pair(certificate: bytes, key: bytes) -> Pair:
    """The first certificate of a chain and its key.

    Raises:
        Unreadable: it is garbage, or the two do not belong together.
    """
    chain = read_certificates(certificate)
    if not chain:
        raise Unreadable(f"{len(certificate)} bytes with no certificate in them")
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"{len(key)} bytes that are no private key: {error}") from error
    try:
        public = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"a certificate whose public key cannot be read: {error}") from error
    if public.public_bytes(*_SPKI) != private.public_key().public_bytes(*_SPKI):
        raise Unreadable("the key belongs to another certificate")
    return Pair(chain[0], private)


def read_authority(certificate: bytes, key: bytes) -> Authority:
    """A certificate that may sign others, with its key.

    Raises:
        Unreadable: it is garbage, or no authority.
    """
    pair = read_pair(certificate, key)
    if not is_authority(pair.certificate):
        raise Unreadable("the certificate is no authority's")
    if not isinstance(pair.key, ec.EllipticCurvePrivateKey):
        raise Unreadable("the authority's key is no elliptic curve's")
    return Authority(pair.certificate, pair.key)


def read_certificates(text: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates in a bundle, in order, each once; what is none is passed over."""
    found: dict[bytes, x509.Certificate] = {}
    for block in _BLOCK.findall(text[:BYTES_LIMIT]):
        try:
            certificate = x509.load_pem_x509_certificate(block)
            found.setdefault(certificate.public_bytes(serialization.Encoding.DER), certificate)
        except ValueError:
            continue
    return tuple(found.values())


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def write_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    """A bundle."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def write_key(key: PrivateKeyTypes) -> bytes:
    """A key, unencrypted: it lies in a Secret."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
