"""Whether a request asks again what was answered: the same, or nearly the same in other words.

Of chats alone, told by keyed hashes of the whole conversation, client and model included, in memory for some
minutes. A person asks once or twice again, after having seen the answer; what comes at the same time, or
oftener, is a program's, and counts as neither. Where the server keeps conversations, and requests bring the
last message alone (`previous_response_id`), there is nothing to be compared.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.analyser.exchange import Exchange, Outcome
from llmmonitor_sidecar.detectors.said import Message, Said
from llmmonitor_sidecar.signals.remembered import Hashing, Remembered
from llmmonitor_sidecar.signals.wording import asks_the_same, packed, unpacked, words_of

WITHIN_SECONDS = 900.0
"""After an answer, that it may be asked for again."""
CONVERSATIONS_LIMIT = 32_768
"""About 6 MiB."""
EDITS_LIMIT = 4_096
"""Conversations whose last message is remembered by its words: 4 MiB at most."""
MOST_TIMES = 3
"""A conversation that is answered more often is a program's."""
_WITHIN_NS = int(WITHIN_SECONDS * 1e9)


class Again(Enum):
    """What a request is, compared with those before it."""

    NEW = "new"
    SAME = "same"
    REPEATED = "repeated"
    """By a program."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, compared."""

    again: Again
    follows: bool = False
    """Whether a person goes on after an answer, in words that can be compared."""
    rephrased: bool = False


class AskedAgain:
    """Told of every chat that ended, in their order."""

    def __init__(self) -> None:
        self._hashing = Hashing()
        self._salt = secrets.randbits(64)
        self._answered: Remembered[tuple[int, int]] = Remembered(CONVERSATIONS_LIMIT, 2 * WITHIN_SECONDS)
        """When a conversation was last answered, and how often."""
        self._last_words: Remembered[bytes] = Remembered(EDITS_LIMIT, 2 * WITHIN_SECONDS)
        """How its last message was worded, by what came before it."""

    def look(self, exchange: Exchange, said: Said, client: str) -> Asked | None:
        """Compare; None where nothing can be compared."""
        turns = _turns(said.messages)
        if exchange.operation != "chat" or not turns or not turns[-1].text:
            return None
        now_ns, whole = exchange.ended_ns, self._hash(exchange, said.messages, client)
        worded = words_of(turns[-1].text, self._salt)
        if len(turns) == 1 and not worded:
            return None
        again = self._again(whole, exchange, now_ns)
        if again is not Again.NEW or len(turns) == 1:
            return Asked(again)
        before = self._hash(exchange, said.messages[: turns[-1].begins], client)
        edited = unpacked(self._last_words.get(before, now_ns) or b"")
        if exchange.outcome is Outcome.OK and worded:
            self._last_words.put(before, packed(worded), now_ns)
        earlier = words_of(turns[-2].text, self._salt)
        if not worded or not (earlier or edited):
            return Asked(again)
        same = asks_the_same(worded, earlier) or asks_the_same(worded, edited)
        return Asked(again, follows=True, rephrased=same)

    def _again(self, whole: int, exchange: Exchange, now_ns: int) -> Again:
        answered_ns, times = self._answered.get(whole, now_ns) or (0, 0)
        known = times and now_ns - answered_ns <= _WITHIN_NS
        times = times if known else 0
        if exchange.outcome is Outcome.OK:
            self._answered.put(whole, (now_ns, times + 1), now_ns)
        if not times:
            return Again.NEW
        after_it = exchange.request_ended_ns > answered_ns
        return Again.SAME if after_it and times <= MOST_TIMES else Again.REPEATED

    def _hash(self, exchange: Exchange, messages: tuple[Message, ...], client: str) -> int:
        parts = [exchange.client or client, exchange.request_model or ""]
        for message in messages:
            parts += (message.origin, message.text)
        return self._hashing.of(parts)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a person says between two answers; no text where a tool or a program speaks."""

    text: str
    begins: int
    """The place of its first message."""


def _turns(messages: tuple[Message, ...]) -> list[_Turn]:
    """All turns, each but the first after an answer; the last is what is asked now."""
    starts = [0, *(at + 1 for at, one in enumerate(messages) if one.origin is Origin.ASSISTANT)]
    ends = [*(start - 1 for start in starts[1:]), len(messages)]
    turns = [_turn(messages, start, end) for start, end in zip(starts, ends, strict=True)]
    return [one for one in turns[:-1] if one.text] + turns[-1:]


def _turn(messages: tuple[Message, ...], start: int, end: int) -> _Turn:
    within = messages[start:end]
    if any(one.origin is Origin.TOOL for one in within):
        return _Turn("", start)
    return _Turn("\n".join(one.text for one in within if one.origin is Origin.USER), start)
