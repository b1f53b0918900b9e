"""A chat completion in OpenAI's form, as far as probes read it: what was said first, and what it took."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """As the server counted; None where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message = _Message()


class Completion(msgspec.Struct, frozen=True):
    """One answer."""

    choices: list[_Choice]
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """Of the first choice; empty without one."""
        return (self.choices[0].message.content or "") if self.choices else ""


def read(content: bytes) -> Completion | None:
    """The completion in a body; None if there is none in it."""
    try:
        return msgspec.json.decode(content, type=Completion)
    except (msgspec.MsgspecError, RecursionError):
        return None
