"""KServe's open inference protocol (v2) as Triton speaks it, with Triton's generate extension.

`/v2/models/NAME[/versions/V]/generate` answers `{"model_name", "text_output"}`; `generate_stream` sends such
objects as events, TensorRT-LLM one per step. Nothing is counted by the server, and nothing marks the last
event. The model's name stands in the path. `infer` takes tensors: HTTP figures and the model's name only.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.dialects.route import Answer, Route
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import JsonReader, Name

_PATH = re.compile(
    r"/v2/models/([^/]+)(?:/versions/[^/]+)?/(infer|generate|generate_stream|ready|stats|config)$"
)


class _Output(msgspec.Struct):
    model_name: Name | None = None
    text_output: Any = None
    error: Any = None


_read = JsonReader(_Output)


class GenerateAnswer(Answer):
    """Reads answers of Triton's generate extension."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:  # noqa: ARG002 - events have no names
        """Take one event."""
        output = _read(data)
        if output.error is not None:
            self.fail(output.error)
            return
        if output.model_name is not None:
            self.progress.exchange.response_model = output.model_name
        if output.text_output:
            self.progress.output(0, at_ns)
            self._say(output.text_output)
        self.complete = True  # nothing marks the last event: the end of the message has to do

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        output = _read(data)
        if output.error is not None:
            self.fail(output.error)
            return
        self.progress.exchange.response_model = output.model_name
        self.progress.whole(0, has_output=bool(output.text_output))
        self._say(output.text_output)

    def _say(self, text: object) -> None:
        self.progress.say(0, text if isinstance(text, str) else None)


def _whole(exchange: Exchange, data: bytes) -> None:  # noqa: ARG001 - the path says all
    exchange.stream = False


def _stream(exchange: Exchange, data: bytes) -> None:  # noqa: ARG001 - the path says all
    exchange.stream = True


_LABEL = "/v2/models/NAME/"
_BY_VERB = {
    "infer": Route(_LABEL + "infer", "kserve", "other"),
    "generate": Route(
        _LABEL + "generate",
        "kserve",
        "text_completion",
        generates=True,
        request=_whole,
        answer=GenerateAnswer,
    ),
    "generate_stream": Route(
        _LABEL + "generate_stream",
        "kserve",
        "text_completion",
        generates=True,
        request=_stream,
        answer=GenerateAnswer,
    ),
    "ready": Route(_LABEL + "ready", "kserve"),
    "stats": Route(_LABEL + "stats", "kserve"),
    "config": Route(_LABEL + "config", "kserve"),
}


def route_and_model(path: str) -> tuple[Route, str] | None:
    """Return the route of a v2 path and the model's name in it, None for other paths."""
    found = _PATH.search(path)
    return (_BY_VERB[found.group(2)], found.group(1)[: limits.NAME_CHARS]) if found else None
