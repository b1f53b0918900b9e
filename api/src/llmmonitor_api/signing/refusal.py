"""Why something signed was not taken: one reason per check, so that each can be counted and acted upon."""

from __future__ import annotations

from enum import StrEnum


class RefusedReason(StrEnum):
    """The check that failed; also the value of the metric's label."""

    MISSING = "missing"
    """Nothing signed came at all."""
    MALFORMED = "malformed"
    """Not a compact JWS, or its claims are not those of its kind."""
    TOO_LARGE = "too_large"
    WRONG_ALGORITHM = "wrong_algorithm"
    """The header asks for another algorithm, `none` included, or for an extension (RFC 8725, 3.1)."""
    WRONG_KIND = "wrong_kind"
    """Signed for another purpose (RFC 8725, 3.11)."""
    UNKNOWN_KEY = "unknown_key"
    """Signed by a key that did not come with the injection: the pod is to be attached anew."""
    FORGED = "forged"
    """The signature is not that key's over these bytes."""
    OTHER_POD = "other_pod"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    OLD_GENERATION = "old_generation"
    """A newer configuration was already taken."""
    REPLAYED = "replayed"
    """This very request was already answered, or this document was signed before one already taken."""
    OTHER_REQUEST = "other_request"
    """Signed for another method or path."""
    UNKNOWN_CHAIN = "unknown_chain"
    """A link of a chain that was never signed here, or before this start: a request is to be signed anew."""
    TOO_LONG_LIVED = "too_long_lived"
    TOO_MANY = "too_many"
    """More requests at once than the replay memory holds."""


class Refused(ValueError):
    """Something signed was not taken; `reason` says which check failed, the text says why in words."""

    def __init__(self, reason: RefusedReason, message: str) -> None:
        self.reason = reason
        super().__init__(message)
