"""JSON schemas that a request brings along, for its tools and for the form of its answer, are schemas.

An engine that is given another thing refuses the request, guides the model by nothing, or crashes. The same
schemas come with every request of a client, so verdicts are remembered by a hash.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_sidecar.checks.request import Request
from llmmonitor_sidecar.json_schema import Schema

REMEMBERED = 512
BYTES_LIMIT = 32_768
"""Of one schema; a longer one is not judged."""
SCHEMAS_LIMIT = 128
"""Of one request."""
_DEPTH_LIMIT = 32
TOOLS, ANSWER = "tools", "response format"


class _Function(msgspec.Struct):
    name: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    input_schema: msgspec.Raw = msgspec.Raw()


class _Tool(_Function):
    type: str = "function"
    function: _Function | None = None


class _Named(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw()


class _Format(msgspec.Struct):
    type: str = ""
    json_schema: _Named | None = None
    schema: msgspec.Raw = msgspec.Raw()


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Guided(msgspec.Struct):
    json: msgspec.Raw = msgspec.Raw()


class _Malformed(ValueError):
    pass


class GivenSchemas:
    """The check, with what it remembers."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, bool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __call__(self, request: Request, _setting: RequestChecksSetting) -> str | None:
        """None where the request brings no schema."""
        any_given = False
        for where, schemas in ((TOOLS, _of_tools), (ANSWER, _of_answer)):
            try:
                for number, schema in enumerate(schemas(request.fields)):
                    if number >= SCHEMAS_LIMIT:
                        break
                    any_given = True
                    if not self._is_schema(bytes(schema)):
                        return where
            except (_Malformed, RecursionError):
                return where
        return "" if any_given else None

    def _is_schema(self, given: bytes) -> bool:
        if len(given) > BYTES_LIMIT:
            return True
        key = blake2b(given, digest_size=16).digest()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        self._known[key] = _is_valid(msgspec.json.decode(given))
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]


def _of_tools(fields: dict[str, msgspec.Raw]) -> Iterator[msgspec.Raw]:
    if "functions" in fields:
        for function in _decoded(fields["functions"], list[_Function]):
            yield from _of_function(function)
    if "tools" not in fields:
        return
    for tool in _decoded(fields["tools"], list[_Tool]):
        if tool.function is not None:
            yield from _of_function(tool.function)
        elif tool.type in ("function", "custom") or tool.input_schema:  # others are the server's own
            yield from _of_function(tool)


def _of_function(function: _Function) -> Iterator[msgspec.Raw]:
    if not function.name:
        raise _Malformed
    yield from (
        one for one in (function.parameters, function.input_schema) if bytes(one) not in (b"", b"null")
    )


def _of_answer(fields: dict[str, msgspec.Raw]) -> Iterator[msgspec.Raw]:
    if "response_format" in fields:
        yield from _of_format(_decoded(fields["response_format"], _Format))
    if "text" in fields and bytes(fields["text"]).startswith(b"{"):
        form = _decoded(fields["text"], _Text).format
        yield from _of_format(form) if form is not None else ()
    if "structured_outputs" in fields:
        yield _decoded(fields["structured_outputs"], _Guided).json or msgspec.Raw(b"true")
    yield from (fields[name] for name in ("guided_json", "json_schema") if name in fields)
    if bytes(fields.get("format", b"")).startswith(b"{"):
        yield fields["format"]


def _of_format(form: _Format) -> Iterator[msgspec.Raw]:
    if form.type != "json_schema":
        yield from (one for one in (form.schema,) if one)
        return
    schema = form.json_schema.schema if form.json_schema is not None else form.schema
    if not schema:
        raise _Malformed
    yield schema


def _decoded(given: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(given, type=kind)
    except msgspec.MsgspecError as error:
        raise _Malformed from error


def _is_valid(schema: Any) -> bool:
    if isinstance(schema, str):  # some servers take it as a text
        try:
            schema = msgspec.json.decode(schema)
        except msgspec.MsgspecError:
            return False
    return isinstance(schema, dict | bool) and _depth(schema) <= _DEPTH_LIMIT and Schema(schema).valid


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
