"""A configuration, signed for one pod: how it is made, and what a sidecar checks before it obeys.

Order matters as much as origin: a neighbour that recorded an older document must not bring it back. Documents
of a pod are ordered by (generation, time of signing), so `Configuration.generation` has to grow over *all*
configurations a pod gets, also when its monitor is deleted and made anew: the signer takes care of that.
After a restart nothing is remembered, so a document signed before the start is refused then, but for those of
the last minutes by which two clocks may differ (`token.SKEW_SECONDS`).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import token
from llmmonitor_api.signing.keys import PublicKeys
from llmmonitor_api.signing.refusal import Refused, RefusedReason

VALID_FOR_SECONDS = 24 * 3600.0
BYTES_LIMIT = 256 * 1024


class _Claims(token.Claims, frozen=True, kw_only=True):
    kind = "llm-monitor-configuration+jwt"
    settings: Configuration


@dataclass(frozen=True, slots=True)
class SignedConfiguration:
    """A configuration that was verified, and until when it holds (Unix seconds)."""

    configuration: Configuration
    signed_at: float
    expires_at: float


def sign_configuration(
    configuration: Configuration,
    key: Ed25519PrivateKey,
    pod_uid: str,
    now: float,
    valid_for_seconds: float = VALID_FOR_SECONDS,
) -> str:
    """A document that the sidecar of `pod_uid` obeys from `now` (Unix seconds) on."""
    claims = _Claims(aud=pod_uid, iat=now, nbf=now, exp=now + valid_for_seconds, settings=configuration)
    return token.sign(claims, key)


class ConfigurationVerifier:
    """What one sidecar takes: of these keys, for this pod, and nothing older than what it has."""

    def __init__(self, keys: PublicKeys, pod_uid: str, started_at: float, generation: int = 0) -> None:
        """`generation` is that of the configuration it began with, at `started_at` (Unix seconds)."""
        self._keys = keys
        self._pod_uid = pod_uid
        self._newest = (generation, started_at - token.SKEW_SECONDS)

    def verify(self, document: str | bytes, now: float) -> SignedConfiguration:
        """The configuration in `document`; nothing is remembered until `taken`.

        Taking the same document twice is allowed: a PUT is repeated when its answer was lost.

        Raises:
            Refused: with the first check that failed.
        """
        if len(document) > BYTES_LIMIT:
            raise Refused(RefusedReason.TOO_LARGE, f"{len(document)} bytes; the limit is {BYTES_LIMIT}")
        claims = token.verify(document, _Claims, self._keys, self._pod_uid, now)
        generation, signed_at = self._newest
        if claims.settings.generation < generation:
            raise Refused(
                RefusedReason.OLD_GENERATION,
                f"generation {claims.settings.generation}; {generation} is already in force",
            )
        if claims.iat < signed_at:
            raise Refused(
                RefusedReason.REPLAYED,
                f"signed {signed_at - claims.iat:.0f} s before what is in force (or this start): sign anew",
            )
        return SignedConfiguration(claims.settings, claims.iat, claims.exp)

    def trust(self, keys: PublicKeys) -> None:
        """Believe these from now on, and no others."""
        self._keys = keys

    def taken(self, signed: SignedConfiguration) -> None:
        """From now on only this one or newer: called once it is in force."""
        self._newest = (signed.configuration.generation, signed.signed_at)
