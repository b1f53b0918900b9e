"""The mark on a probe: `LLM-Monitor-Probe: JWS`, by which the sidecar that sent it knows it again.

A request that bears it is left out of every traffic signal, so nobody else may be able to make one: the key
is made at the sidecar's start and never leaves its memory, a mark lives ten minutes and is good once.
"""

from __future__ import annotations

import secrets

from llmmonitor_api.signing import token
from llmmonitor_api.signing.keys import generate_private_key, public_keys_by_id
from llmmonitor_api.signing.refusal import Refused

HEADER = "LLM-Monitor-Probe"
VALID_FOR_SECONDS = 600.0
OUTSTANDING_LIMIT = 1024


class _Claims(token.Claims, frozen=True, kw_only=True):
    kind = "llm-monitor-probe+jwt"
    jti: str


class ProbeMarks:
    """Signs one sidecar's probes and knows them again."""

    def __init__(self, pod_uid: str) -> None:
        self._key = generate_private_key()
        self._keys = public_keys_by_id([self._key.public_key()])
        self._pod_uid = pod_uid
        self._outstanding: dict[str, float] = {}

    def sign(self, now: float) -> str:
        """A mark for one probe, at `now` (Unix seconds)."""
        jti = secrets.token_urlsafe(16)
        if len(self._outstanding) >= OUTSTANDING_LIMIT:
            del self._outstanding[next(iter(self._outstanding))]
        self._outstanding[jti] = now + VALID_FOR_SECONDS
        claims = _Claims(aud=self._pod_uid, iat=now, nbf=now, exp=now + VALID_FOR_SECONDS, jti=jti)
        return token.sign(claims, self._key)

    def is_ours(self, mark: str, now: float) -> bool:
        """Whether this sidecar signed it, not long ago, and it was not asked before."""
        try:
            claims = token.verify(mark, _Claims, self._keys, self._pod_uid, now)
        except Refused:
            return False
        return self._outstanding.pop(claims.jti, 0.0) >= now
