"""Which messages of a request are new: chat clients send the whole conversation again with every turn.

What follows the last answer is new by its place. Everything before it is new only if nothing that began the
same was seen (a conversation that began elsewhere, an invented history). A system prompt, which its owner
wrote, is looked at once, and not with every request. Conversations are told by a keyed hash of all messages
so far; keys are of this process alone, and hashes are forgotten after TTL_SECONDS.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.said import Message

TTL_SECONDS = 3600.0
SEEN_LIMIT = 65_536
"""Hashes that are kept: about 8 MiB."""
JOINED_TURNS = 4
JOINED_CHARACTERS = 4_096
_HASH_BYTES = 8


class Turns:
    """Remembers what was seen."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        """Hash to when it was seen last, the oldest first."""

    def __len__(self) -> int:
        return len(self._seen)

    def new(self, messages: tuple[Message, ...], now_seconds: float) -> tuple[Message, ...]:
        """Those of a request's messages that are to be judged."""
        self._forget(now_seconds)
        last_answer = max(
            (at for at, one in enumerate(messages) if one.origin is Origin.ASSISTANT), default=-1
        )
        found, so_far = [], b""
        for at, message in enumerate(messages):
            spelled = f"{message.origin}\n{message.text}".encode("utf-8", "replace")
            so_far = blake2b(so_far + spelled, key=self._key, digest_size=_HASH_BYTES).digest()
            seen = self._see(so_far, now_seconds)
            by_place = at > last_answer and message.origin is not Origin.SYSTEM
            if (by_place or not seen) and message.origin is not Origin.ASSISTANT:
                found.append(message)
        return tuple(found)

    def _see(self, hashed: bytes, now_seconds: float) -> bool:
        seen = hashed in self._seen
        self._seen[hashed] = now_seconds
        self._seen.move_to_end(hashed)
        return seen

    def _forget(self, now_seconds: float) -> None:
        while self._seen:
            oldest, at = next(iter(self._seen.items()))
            if now_seconds - at < TTL_SECONDS and len(self._seen) < SEEN_LIMIT:
                return
            del self._seen[oldest]


def last_turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The last turns of the user: attacks come in pieces too."""
    return tuple(one for one in messages if one.origin is Origin.USER)[-JOINED_TURNS:]


def joined(turns: tuple[Message, ...]) -> Message:
    """Several turns as one text."""
    return Message(Origin.USER, " ".join(one.text for one in turns)[-JOINED_CHARACTERS:])
