"""What a check may look at of one request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec

from llmmonitor_sidecar.analyser.exchange import Outcome
from llmmonitor_sidecar.detectors.said import Message

NOT_SET = (b"", b"null")


@dataclass(frozen=True)
class Request:
    """One request, its fields read when they are asked for."""

    path: str
    """The route as the dialect's table spells it."""
    body: bytes
    messages: tuple[Message, ...] = ()
    outcome: Outcome = Outcome.OK
    error_type: str = ""
    prompt_tokens: int | None = None
    """As the server counted them; None where it did not say."""
    engine: str = ""
    """As `spec.target.engine` calls it; empty while it is not known."""
    context_tokens: int | None = None
    """Of the model, as the engine says."""

    @cached_property
    def fields(self) -> dict[str, msgspec.Raw]:
        """Of the body, those that are set; none of what is no JSON object."""
        try:
            whole = msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, RecursionError):
            return {}
        return {name: value for name, value in whole.items() if bytes(value) not in NOT_SET}

    def number(self, *names: str) -> int | None:
        """The first of these fields that is a whole number."""
        for name in names:
            try:
                return msgspec.json.decode(self.fields[name], type=int)
            except (KeyError, msgspec.MsgspecError):
                continue
        return None
