"""What is said in one exchange: its text, kept in memory while it lasts and until it was looked at.

The dialects add what they read; nobody but the detectors reads it. What is longer than its limits is left out
from the middle of requests and from the end of answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_api.interactions.kinds import Origin

REQUEST_CHARACTERS = 262_144
"""Kept of one request."""
ANSWER_BYTES = 32_768
"""Kept of each choice of an answer, as JSON spells it."""
CHOICES = 4
"""Of which text is kept."""
CALLS_BYTES = 32_768
"""Kept of the arguments of all tool calls of an answer together."""
CALLS = 32
"""Of which arguments are kept."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, or a part of one whose origin is another."""

    origin: Origin
    text: str


class Said:
    """Text of one exchange.

    Attributes:
        messages: of the request, in order.
        refused: whether the API itself called its answer a refusal.
        forgotten: whether its text was given up for want of room.
        body: the request's, for the owner's checks, until they have it or there are none.
    """

    __slots__ = (
        "_answers",
        "_calls",
        "_calls_bytes",
        "body",
        "forgotten",
        "messages",
        "refused",
        "request_characters",
    )

    def __init__(self) -> None:
        self.messages: tuple[Message, ...] = ()
        self.request_characters = 0
        self.refused = False
        self.forgotten = False
        self.body = b""
        self._answers: dict[int, bytearray] = {}
        self._calls: dict[tuple[int, int], bytearray] = {}
        """By choice and number of the call."""
        self._calls_bytes = 0

    def __eq__(self, other: object) -> bool:
        """Whether the same was said."""
        if not isinstance(other, Said):
            return NotImplemented
        return (self.messages, self.refused, self.answers(), self.calls()) == (
            other.messages,
            other.refused,
            other.answers(),
            other.calls(),
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def kept_bytes(self) -> int:
        """Memory that the text takes, about."""
        request = len(self.body) + self.request_characters
        return request + sum(map(len, self._answers.values())) + self._calls_bytes

    def ask(self, messages: tuple[Message, ...]) -> None:
        """Take the request's messages: the first and the last of them where they are too many."""
        kept: list[Message] = []
        room = REQUEST_CHARACTERS
        for message in reversed(messages):
            if len(message.text) > room:
                break
            room -= len(message.text)
            kept.append(message)
        left = len(messages) - len(kept)
        if left:
            kept.append(Message(messages[left - 1].origin, messages[left - 1].text[:room]))
        self.messages = tuple(reversed(kept))
        self.request_characters = sum(len(message.text) for message in self.messages)

    def answer(self, choice: int, text: str) -> None:
        """Take a piece of what choice `choice` says."""
        self.answer_spelled(choice, msgspec.json.encode(text.encode("utf-8", "replace").decode())[1:-1])

    def answer_spelled(self, choice: int, piece: bytes) -> None:
        """The same as it stands within a JSON string."""
        kept = self._answers.get(choice)
        if kept is None:
            if len(self._answers) >= CHOICES or self.forgotten:
                return
            kept = self._answers[choice] = bytearray()
        if len(kept) < ANSWER_BYTES:
            kept += piece

    def call(self, choice: int, number: int, piece: str) -> None:
        """Take a piece of the arguments of the tool call `number` of choice `choice`."""
        room = CALLS_BYTES - self._calls_bytes
        kept = self._calls.get((choice, number))
        if room <= 0 or self.forgotten or (kept is None and len(self._calls) >= CALLS):
            return
        if kept is None:
            kept = self._calls[choice, number] = bytearray()
        spelled = piece.encode("utf-8", "replace")[:room]
        kept += spelled
        self._calls_bytes += len(spelled)

    def restart(self, choice: int, text: str) -> None:
        """Take the whole of what choice `choice` said so far, as some servers repeat it."""
        self._answers.pop(choice, None)
        self.answer(choice, text)

    def forget(self) -> None:
        """Give up all text."""
        self.messages, self.request_characters, self.body = (), 0, b""
        self._answers.clear()
        self._calls.clear()
        self._calls_bytes = 0
        self.forgotten = True

    def answers(self) -> tuple[str, ...]:
        """What each choice said."""
        return tuple(_unescaped(piece) for _, piece in sorted(self._answers.items()))

    def calls(self) -> tuple[str, ...]:
        """The arguments of each tool call, as the model wrote them: JSON, or what should be."""
        return tuple(bytes(piece).decode("utf-8", "replace") for _, piece in sorted(self._calls.items()))


def _unescaped(spelled: bytearray) -> str:
    """An escape may be cut off at the end, and halves of a surrogate pair stand alone."""
    whole = bytes(spelled)
    if b"\\" not in whole:
        return whole.decode("utf-8", "replace")
    for cut in range(13):
        piece = whole[: len(whole) - cut]
        try:
            return str(msgspec.json.decode(b'"' + piece + b'"'))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return whole.decode("utf-8", "replace").replace("\\n", "\n").replace('\\"', '"')
