"""One signature for some requests in a row, each of which works once: a chain of hashes (Lamport, 1981).

Whoever signs draws a secret, hashes it some times over and signs the last hash with the first request. Each
request after it shows the hash before the one that was shown last: nobody else can know it, anybody can check
it, and once shown it is worth nothing any more. An Ed25519 signature takes as long as a hundred hashes, and
ten thousand sidecars are asked all the time.

A chain is for one pod, method and path, as the request that it was signed with, and ends after `LINKS` of
them or `VALID_FOR_SECONDS`. Who keeps links from arriving can show the newest of them, and those before it,
until a later one of that chain or one of a chain signed later arrives.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from hashlib import sha256

from llmmonitor_api.signing.refusal import Refused, RefusedReason
from llmmonitor_api.signing.token import SKEW_SECONDS

SCHEME = "Link"
LINKS = 16
"""Requests after the signed one."""
VALID_FOR_SECONDS = 600.0
CHAINS_LIMIT = 4
"""That one sidecar remembers: of two leaders, while one follows the other, and room."""
_BYTES = 32


class Chain:
    """The asking side: links of one signed request, shown in order."""

    def __init__(self, now: float) -> None:
        """A new secret; `now` in Unix seconds."""
        self.name = secrets.token_urlsafe(16)
        self._left = LINKS
        self._until = now + VALID_FOR_SECONDS
        *links, anchor = hashed(secrets.token_bytes(_BYTES), LINKS)
        self._links = b"".join(links)
        """The secret first, which is shown last; one text, since ten thousand chains are kept."""
        self.anchor = encoded(anchor)
        """What is signed."""

    def following(self, now: float) -> str:
        """The value of the `Authorization` header for one attempt more; empty when a new chain is due."""
        if not self._left or not self._until - VALID_FOR_SECONDS <= now < self._until:
            return ""
        self._left -= 1
        begin = self._left * _BYTES
        return f"{SCHEME} {self.name}.{encoded(self._links[begin : begin + _BYTES])}"


@dataclass(slots=True)
class _Known:
    """The answering side's: of one chain."""

    method: str
    path: str
    shown: bytes
    """The hash that was shown last."""
    left: int
    until: float


class Chains:
    """The answering side: the newest few chains that were signed, for one pod."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[str, _Known] = {}

    def begin(self, name: str, anchor: str, request: tuple[str, str], signed_at: float) -> None:
        """One was signed, with a request of this method and path.

        Raises:
            Refused: the anchor is none.
        """
        shown = _decoded(anchor)
        self._known[name] = _Known(*request, shown, LINKS, signed_at + VALID_FOR_SECONDS + SKEW_SECONDS)
        while len(self._known) > CHAINS_LIMIT:
            del self._known[next(iter(self._known))]

    def forget(self) -> None:
        """All: the key that signed them may be believed no more."""
        self._known.clear()

    def follow(self, given: str, method: str, path: str, now: float) -> None:
        """Return if a link is good for this request, which is then the last that was shown.

        Some before it may be missing: a request that was lost on its way was shown to nobody here. Chains
        that were signed before end with it, whose last links may have been kept from arriving.

        Raises:
            Refused: with the first check that failed.
        """
        name, _, link = given.partition(".")
        known = self._known.get(name)
        if known is None:
            raise Refused(RefusedReason.UNKNOWN_CHAIN, "no such chain is known here: sign a request anew")
        if (known.method, known.path) != (method, path):
            raise Refused(
                RefusedReason.OTHER_REQUEST,
                f"a chain for {known.method} {known.path}; this is {method} {path}",
            )
        if now > known.until:
            raise Refused(RefusedReason.EXPIRED, f"the chain ended {now - known.until:.0f} s ago: sign anew")
        shown = _decoded(link)
        steps = _steps(shown, known.shown, known.left)
        if steps is None:
            replayed = _steps(known.shown, shown, LINKS - known.left) is not None
            reason = RefusedReason.REPLAYED if replayed else RefusedReason.FORGED
            raise Refused(reason, "this link was shown already" if replayed else "no link of this chain")
        if not steps:
            raise Refused(RefusedReason.REPLAYED, "this link was shown already")
        known.shown, known.left = shown, known.left - steps
        self._known = {name: one for name, one in self._known.items() if one.until >= known.until}


def _steps(begin: bytes, end: bytes, most: int) -> int | None:
    """How often `begin` is hashed until it is `end`; None if it is not within `most`."""
    for steps in range(most + 1):
        if begin == end:
            return steps
        begin = sha256(begin).digest()
    return None


def hashed(secret: bytes, times: int) -> list[bytes]:
    """The secret, its SHA-256, the SHA-256 of that, and so on: so many times."""
    found = [secret]
    for _ in range(times):
        found.append(sha256(found[-1]).digest())
    return found


def encoded(data: bytes) -> str:
    """As base64url has it, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(f"{text}=".encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(RefusedReason.MALFORMED, f"no hash: {error}") from error
    if len(data) != _BYTES:
        raise Refused(RefusedReason.MALFORMED, f"a hash of {len(data)} bytes; {_BYTES} are needed")
    return data
