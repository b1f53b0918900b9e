"""What a detector says: that something of a kind was found, where, and how surely. Never what."""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.features import CHARACTERS
from llmmonitor_sidecar.detectors.said import Message


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in one exchange."""

    kind: str
    detector: str
    version: int
    origin: Origin
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """An exchange as detectors get it: plain text, and what the API itself said of the answer."""

    context: tuple[Message, ...] = ()
    """Every message of the request."""
    new: tuple[Message, ...] = ()
    """Those of them that were not seen before in this conversation."""
    answers: tuple[str, ...] = ()
    """What each choice said; none of an exchange that failed."""
    calls: tuple[str, ...] = ()
    """The arguments of each tool call, as `call_text.readable` spells them; none of one that failed."""
    complete: bool = False
    """Whether the exchange was answered to its end."""
    refused: bool = False
    """Whether the API itself calls the answer a refusal."""
    empty: bool = False
    finish_reasons: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        """Of text that is judged."""
        return sum(len(one.text) for one in self.new) + sum(map(len, (*self.answers, *self.calls)))

    @property
    def read_in_part(self) -> bool:
        """Whether a text is too long for any detector to read it whole."""
        texts = (*(one.text for one in self.new), *self.answers, *self.calls)
        return any(len(text) > CHARACTERS for text in texts)

    @property
    def output(self) -> tuple[tuple[Origin, tuple[str, ...]], ...]:
        """All that the model says now, by where it goes: to people, or to a program."""
        return (Origin.ANSWER, self.answers), (Origin.CALL, self.calls)


def ends(text: str, limit: int) -> str:
    """`text` itself, or its first and last characters, so that no detector reads a megabyte."""
    return text if len(text) <= limit else f"{text[: limit // 2]}\n{text[-(limit // 2) :]}"
