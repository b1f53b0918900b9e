"""What a person asks an operator, and how: sealed to the operator's key, answered to the person's own.

The way between them is anybody's (the API server's proxy, a port that was forwarded), so both directions are
sealed (`signing.sealed`), with what they are about as HPKE's `info`. Who asks is told by a token that the API
server reviews. The operator's key follows from its signing key, and its public half stands in each monitor's
status: who could forge that could forge what the status says, and no more is trusted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from llmmonitor_api.report.values import Count, Moment, Name
from llmmonitor_api.review import Offer, Verdict
from llmmonitor_api.signing.sealed import SEALING_KEY_BYTES

PATH = "/v1/people"
PORT_NAME = "people"
AUDIENCE = "llm-monitor"
"""Of a token that is made for this alone, and is worth nothing elsewhere."""
ASKED, ANSWERED = "llm-monitor-people-ask", "llm-monitor-people-answer"
"""HPKE's `info` of either direction."""
SKIP_LIMIT = 100
NOTE_LIMIT = 200
"""Characters. A note is kept as long as the audit: whoever writes it quotes nothing."""
TOKEN_LIMIT = 16 * 1024


class Act(StrEnum):
    """What is asked."""

    NEXT = "next"
    """A redacted case."""
    JUDGE = "judge"
    """To take a verdict on one that was shown."""
    ERASE = "erase"
    """To erase what is kept of one client."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request; what an act does not need is left out."""

    act: Act
    token: Annotated[str, msgspec.Meta(max_length=TOKEN_LIMIT)]
    namespace: Name
    name: Name
    """Of the monitor."""
    reply_to: Annotated[bytes, msgspec.Meta(min_length=SEALING_KEY_BYTES, max_length=SEALING_KEY_BYTES)]
    """X25519: whom the answer, and the case in it, are sealed to."""
    at: Moment
    nonce: Name
    why: Annotated[str, msgspec.Meta(max_length=NOTE_LIMIT)] = ""
    kind: Name | None = None
    skip: Annotated[tuple[Name, ...], msgspec.Meta(max_length=SKIP_LIMIT)] = ()
    case: Name = ""
    verdict: Verdict | None = None
    client: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    """An address, or the value of the header that tells clients apart."""


class Sealed(msgspec.Struct, frozen=True):
    """The body of either direction."""

    sealed: Annotated[bytes, msgspec.Meta(max_length=512 * 1024)]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    who: Name = ""
    """As whom the person is known."""
    offer: Offer | None = None
    cases: Count = 0
    figures: Count = 0
    """That were erased."""
    problems: Annotated[tuple[str, ...], msgspec.Meta(max_length=32)] = ()
    """Pods that did not answer, in words."""


def people_key(signing_key: Ed25519PrivateKey) -> X25519PrivateKey:
    """The operator's key for what people send: the same for every leader under one signing key.

    HKDF (RFC 5869) with an `info` of its own, so that neither key tells the other.
    """
    raw = signing_key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    derived = HKDF(hashes.SHA256(), SEALING_KEY_BYTES, None, b"llm-monitor people").derive(raw)
    return X25519PrivateKey.from_private_bytes(derived)
