"""The operator's signing keys: the one of now, the one that is to replace it, and old ones still needed.

A running sidecar believes what it was pushed last; a container that starts anew believes its environment,
which never changes. So which key signs is a matter of each sidecar: the newest one that it is known to
believe. `rotation` moves keys from one place to the next, `reconcile/keep/signing_key.py` keeps them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.signing import generate_private_key, key_id, public_key_bytes


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One private key; two are the same when their names are."""

    id: str
    private: Ed25519PrivateKey = field(compare=False, repr=False)
    public: bytes = field(compare=False, repr=False)
    """The 32 bytes of the public half."""

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> SigningKey:
        """With its name."""
        return cls(key_id(private), private, public_key_bytes(private))

    @classmethod
    def new(cls) -> SigningKey:
        """From the system's randomness."""
        return cls.of(generate_private_key())


@dataclass(frozen=True, slots=True)
class OldKey:
    """One that no running sidecar shall believe, kept for containers that start with it."""

    key: SigningKey
    retired_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """All of them."""

    current: SigningKey
    next: SigningKey | None = None
    """During an overlap: believed beside `current`, and to take its place."""
    overlap_since: float | None = None
    """Unix seconds."""
    old: tuple[OldKey, ...] = ()
    """By age, the newest last."""

    @property
    def trusted(self) -> tuple[SigningKey, ...]:
        """Those that every sidecar shall believe."""
        return (self.current,) if self.next is None else (self.current, self.next)

    @property
    def newest_first(self) -> tuple[SigningKey, ...]:
        """All of them."""
        return (*reversed(self.trusted), *(one.key for one in reversed(self.old)))

    def order(self, trusts: Collection[str], begins_with: Collection[str]) -> tuple[SigningKey, ...]:
        """Which keys to try on a sidecar, the likeliest first.

        Args:
            trusts: names of the keys that it said it believes; empty while it has said nothing.
            begins_with: names of those in its environment: what counts again when its container starts anew.
        """
        if self.next is None and not self.old:
            return (self.current,)  # as it is but for a rotation: nothing to be looked up for every request
        guesses = (self._newest_of(trusts), self.current, self._newest_of(begins_with))
        return tuple(dict.fromkeys(one for one in guesses if one is not None))

    def _newest_of(self, ids: Collection[str]) -> SigningKey | None:
        return next((key for key in self.newest_first if key.id in ids), None)
