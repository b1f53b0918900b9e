"""One request, signed: `Authorization: Bearer JWS`, made anew for every attempt, or a link of one (`links`).

It binds method, path with query and pod, lives a minute and works once. The body is not covered: what is sent
in bodies is signed itself (`document`). Whoever can read the network sees the answer all the same; what the
replay memory prevents is that a neighbour asks again, later.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.signing import token
from llmmonitor_api.signing.keys import PublicKeys
from llmmonitor_api.signing.links import SCHEME as LINK
from llmmonitor_api.signing.links import Chain, Chains
from llmmonitor_api.signing.refusal import Refused, RefusedReason

SCHEME = "Bearer"
VALID_FOR_SECONDS = 60.0
BYTES_LIMIT = 8 * 1024
REMEMBERED_LIMIT = 4096
"""Requests that the replay memory holds: those of about eleven minutes (validity and twice the skew)."""


class _Claims(token.Claims, frozen=True, kw_only=True):
    kind = "llm-monitor-request+jwt"
    method: str
    path: str
    """Path and query as sent."""
    jti: str
    anchor: str = ""
    """Of a chain that begins with it, under the name `jti`."""


def sign_request(  # noqa: PLR0913, PLR0917 - all that is signed
    method: str, path: str, key: Ed25519PrivateKey, pod_uid: str, now: float, chain: Chain | None = None
) -> str:
    """The value of the `Authorization` header for one attempt of one request, at `now` (Unix seconds).

    `path` is what goes on the wire: escaped, with the query. `chain` is one that begins with it.
    """
    claims = _Claims(
        aud=pod_uid,
        iat=now,
        nbf=now,
        exp=now + VALID_FOR_SECONDS,
        method=method.upper(),
        path=path,
        jti=secrets.token_urlsafe(16) if chain is None else chain.name,
        anchor="" if chain is None else chain.anchor,
    )
    return f"{SCHEME} {token.sign(claims, key)}"


class RequestVerifier:
    """What one sidecar answers: of these keys, for this pod, each request once."""

    def __init__(self, keys: PublicKeys, pod_uid: str, *, remembered_limit: int = REMEMBERED_LIMIT) -> None:
        self._keys = keys
        self._pod_uid = pod_uid
        self._remembered_limit = remembered_limit
        self._forget_at: dict[str, float] = {}
        """Unix seconds after which a request would be refused for its age anyway, by its `jti`."""
        self._chains = Chains()

    def trust(self, keys: PublicKeys) -> None:
        """Believe these from now on, and no others."""
        if keys.keys() != self._keys.keys():  # named by what they are
            self._chains.forget()
        self._keys = keys

    def verify(self, authorization: str, method: str, path: str, now: float) -> None:
        """Return if the header's value is good for this request; remember it.

        Raises:
            Refused: with the first check that failed.
        """
        scheme, _, signed = authorization.partition(" ")
        if scheme.lower() == LINK.lower():
            self._chains.follow(signed.strip()[:BYTES_LIMIT], method.upper(), path, now)
            return
        if scheme.lower() != SCHEME.lower() or not signed:
            raise Refused(RefusedReason.MISSING, f"needs a signed request: Authorization: {SCHEME} JWS")
        if len(signed) > BYTES_LIMIT:
            raise Refused(RefusedReason.TOO_LARGE, f"{len(signed)} bytes; the limit is {BYTES_LIMIT}")
        claims = token.verify(signed.strip(), _Claims, self._keys, self._pod_uid, now)
        if (claims.method, claims.path) != (method.upper(), path):
            raise Refused(
                RefusedReason.OTHER_REQUEST,
                f"signed for {claims.method} {claims.path}; this is {method.upper()} {path}",
            )
        if claims.exp - claims.nbf > VALID_FOR_SECONDS:
            raise Refused(
                RefusedReason.TOO_LONG_LIVED,
                f"holds for {claims.exp - claims.nbf:.0f} s; the limit is {VALID_FOR_SECONDS:.0f}",
            )
        self._remember(claims, now)
        if claims.anchor:
            self._chains.begin(claims.jti, claims.anchor, (claims.method, claims.path), claims.iat)

    def _remember(self, claims: _Claims, now: float) -> None:
        if claims.jti in self._forget_at:
            raise Refused(RefusedReason.REPLAYED, "this request was already answered: sign each attempt anew")
        if len(self._forget_at) >= self._remembered_limit:
            self._forget_at = {jti: at for jti, at in self._forget_at.items() if at >= now}
        if len(self._forget_at) >= self._remembered_limit:
            raise Refused(
                RefusedReason.TOO_MANY, f"more than {self._remembered_limit} requests in a few minutes"
            )
        self._forget_at[claims.jti] = claims.exp + token.SKEW_SECONDS
