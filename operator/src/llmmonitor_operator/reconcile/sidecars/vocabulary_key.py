"""The key by which all replicas of a monitor put words into the same buckets, for drift.

Derived (HKDF, RFC 5869) from the secret that the release has for such hashes and from the monitor's UID: the
same after every restart, another one for every monitor, and kept nowhere. Sidecars get it sealed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from llmmonitor_api.spec.drift import Drift, DriftFeature

_KEY_BYTES = 32
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class VocabularyKey:
    """One."""

    id: str
    """Says nothing of the key; stands in reports and in the baseline."""
    secret: bytes = field(repr=False)


def vocabulary_key(root: bytes, monitor_uid: str, drift: Drift) -> VocabularyKey | None:
    """The monitor's; None where words are not compared, or there is nothing to derive it from.

    Args:
        root: `SigningKeys.fingerprint_key`.
        monitor_uid: whose.
        drift: what the monitor's owner wants.
    """
    if not root or DriftFeature.VOCABULARY not in drift.effective_features:
        return None
    info = f"llm-monitor vocabulary {monitor_uid}".encode()
    secret = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=info).derive(root)
    named = hmac.HMAC(secret, hashes.SHA256())
    named.update(b"id")
    return VocabularyKey(named.finalize()[:_ID_BYTES].hex(), secret)
