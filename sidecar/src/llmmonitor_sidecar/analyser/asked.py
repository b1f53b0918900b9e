"""What a request asks for, apart from its text: how many turns it carries, and which parameters it sets.

One struct for every dialect, since they name these alike. Values are passed over, and nothing of them is
kept: which parameters are there is all that is counted.
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.report.features import PARAMETER_NAMES
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.json_reading import JsonReader, NotJson, Skipped

_ABSENT = (b"", b"null", b"false", b"[]")


class _Asked(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw()
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
    if field.name != "messages"
}
_read = JsonReader(_Asked)
_read_messages = msgspec.json.Decoder(list[Skipped]).decode


def read_asked(exchange: Exchange, data: bytes) -> None:
    """Take turns and parameters from a request's body; from what is no JSON object, nothing."""
    try:
        asked = _read(data)
    except NotJson:
        return
    exchange.turns = _turns(asked.messages)
    exchange.parameters = 0
    for name, bit in _BITS.items():
        if bytes(getattr(asked, name)) not in _ABSENT:
            exchange.parameters |= bit


def _turns(messages: msgspec.Raw) -> int:
    try:
        return len(_read_messages(messages)) if bytes(messages) not in _ABSENT else 0
    except msgspec.MsgspecError:
        return 0
