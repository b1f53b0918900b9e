"""What a request asks for: its messages, how many turns it carries, and which parameters it sets.

One struct and one reading for every dialect, since they name these alike. Values of parameters are passed
over: which are there is all that is counted. Messages are for the detectors, who forget them, and the body
for the owner's checks, who let go of it at once where there are none.
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.report.features import PARAMETER_NAMES
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import JsonReader, NotJson
from llmmonitor_sidecar.detectors.request_text import RequestText, messages_of
from llmmonitor_sidecar.detectors.said import Said

_ABSENT = (b"", b"null", b"false", b"[]")


class _Asked(RequestText):
    temperature: msgspec.Raw = msgspec.Raw()
    top_p: msgspec.Raw = msgspec.Raw()
    top_k: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_output_tokens: msgspec.Raw = msgspec.Raw()
    n: msgspec.Raw = msgspec.Raw()
    stop: msgspec.Raw = msgspec.Raw()
    stop_sequences: msgspec.Raw = msgspec.Raw()
    stream: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()
    seed: msgspec.Raw = msgspec.Raw()
    logprobs: msgspec.Raw = msgspec.Raw()
    frequency_penalty: msgspec.Raw = msgspec.Raw()
    presence_penalty: msgspec.Raw = msgspec.Raw()
    repetition_penalty: msgspec.Raw = msgspec.Raw()


_ALSO = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "functions": "tools",
    "frequency_penalty": "penalties",
    "presence_penalty": "penalties",
    "repetition_penalty": "penalties",
}
"""Names of the same parameter in other dialects."""
_BITS = {
    field.name: 1 << PARAMETER_NAMES.index(_ALSO.get(field.name, field.name))
    for field in msgspec.structs.fields(_Asked)
    if field.type is msgspec.Raw
}
_read = JsonReader(_Asked)


def read_asked(exchange: Exchange, data: bytes) -> None:
    """Take messages, turns and parameters from a request's body; from what is no JSON object, nothing."""
    exchange.said = Said()
    exchange.said.body = data
    try:
        asked = _read(data)
    except NotJson:
        return
    exchange.said.ask(messages_of(asked))
    exchange.turns = _turns(asked.messages)
    exchange.parameters = 0
    for name, bit in _BITS.items():
        if bytes(getattr(asked, name)) not in _ABSENT:
            exchange.parameters |= bit


def _turns(messages: object) -> int:
    """0 where they are not those of a chat, which are all objects."""
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        return 0
    return len(messages)
