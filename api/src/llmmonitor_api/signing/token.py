"""The envelope that documents and requests share: a compact JWS whose header is exactly alg, kid and typ.

PyJWT judges what others signed; times are judged here: its clock cannot be given (`verify` takes `now`).
Everything about the algorithm is decided by us, nothing by the sender (RFC 8725, 3.1 and 3.2).
"""

from __future__ import annotations

import base64
import functools
from typing import ClassVar, TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.signing.keys import PublicKeys, key_id
from llmmonitor_api.signing.refusal import Refused, RefusedReason

ALGORITHM = "EdDSA"
SKEW_SECONDS = 300.0
"""How far two clocks may be apart."""

_HEADER_FIELDS = {"alg", "kid", "typ"}
_JWS = jwt.PyJWS(algorithms=[ALGORITHM])


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What both kinds say (RFC 7519, 4.1); times in Unix seconds."""

    kind: ClassVar[str]
    """The `typ` of the header (RFC 8725, 3.11)."""

    aud: str
    """UID of the pod this is for (without a cluster: the boot id)."""
    iat: float
    nbf: float
    exp: float


C = TypeVar("C", bound=Claims)


def sign(claims: Claims, key: Ed25519PrivateKey) -> str:
    """A compact JWS over `claims`.

    Put together here: a library that takes any algorithm takes longer than the signature itself, for each of
    the hundreds of requests a second by which ten thousand sidecars are asked.
    """
    signed = f"{_header(key, claims.kind)}.{_base64url(msgspec.json.encode(claims))}"
    return f"{signed}.{_base64url(key.sign(signed.encode()))}"


@functools.lru_cache(maxsize=8)
def _header(key: Ed25519PrivateKey, kind: str) -> str:
    return _base64url(msgspec.json.encode({"alg": ALGORITHM, "kid": key_id(key), "typ": kind}))


def _base64url(data: bytes) -> str:
    """RFC 7515, appendix C: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def verify(token: str | bytes, claims: type[C], keys: PublicKeys, pod_uid: str, now: float) -> C:
    """The claims of `token`, once everything that both kinds have in common holds.

    Raises:
        Refused: with the first check that failed.
    """
    result = _authentic(token, claims, keys)
    if result.aud != pod_uid:
        raise Refused(RefusedReason.OTHER_POD, f"signed for {result.aud!r}; this is {pod_uid!r}")
    if now < result.nbf - SKEW_SECONDS:
        raise Refused(
            RefusedReason.NOT_YET_VALID,
            f"holds only in {result.nbf - now:.0f} s; {SKEW_SECONDS:.0f} s of clock skew are tolerated",
        )
    if now > result.exp + SKEW_SECONDS:
        raise Refused(
            RefusedReason.EXPIRED,
            f"expired {now - result.exp:.0f} s ago; {SKEW_SECONDS:.0f} s of clock skew are tolerated",
        )
    return result


def _authentic(token: str | bytes, claims: type[C], keys: PublicKeys) -> C:
    try:
        header = _JWS.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise Refused(RefusedReason.MALFORMED, f"not a compact JWS: {error}") from error
    if header.get("alg") != ALGORITHM:
        raise Refused(
            RefusedReason.WRONG_ALGORITHM, f"alg is {header.get('alg')!r}; only {ALGORITHM} will do"
        )
    if header.get("typ") != claims.kind:
        raise Refused(RefusedReason.WRONG_KIND, f"typ is {header.get('typ')!r}; {claims.kind!r} is needed")
    if not _HEADER_FIELDS.issuperset(header):
        raise Refused(RefusedReason.WRONG_ALGORITHM, f"header has more than {sorted(_HEADER_FIELDS)}")
    name = header.get("kid")
    key = keys.get(name) if isinstance(name, str) else None
    if key is None:
        raise Refused(
            RefusedReason.UNKNOWN_KEY, f"signed by key {name!r}; known here: {sorted(keys) or 'none'}"
        )
    try:
        payload = _JWS.decode_complete(token, key, algorithms=[ALGORITHM])["payload"]
    except jwt.InvalidTokenError as error:
        raise Refused(RefusedReason.FORGED, f"not signed by key {name!r}: {error}") from error
    try:
        return msgspec.json.decode(payload, type=claims)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused(RefusedReason.MALFORMED, f"claims of {claims.kind!r}: {error}") from error
