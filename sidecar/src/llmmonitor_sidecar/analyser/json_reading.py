"""JSON from strangers into typed structs: quick when it looks as expected, lenient when it does not.

Only the fields of the struct are built, the rest is skipped over. A surprise in one field (a number where a
string was expected, an unknown shape) loses that field, never the document. Nothing here raises but
`NotJson`.
"""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from llmmonitor_sidecar.analyser import limits

S = TypeVar("S", bound=msgspec.Struct)

Count = Annotated[int, msgspec.Meta(ge=0, le=limits.TOKENS)]
"""A number of tokens; anything else in its place is dropped."""
Name = Annotated[str, msgspec.Meta(max_length=limits.NAME_CHARS)]
"""A short string; a longer one in its place is dropped."""


class Skipped(msgspec.Struct):
    """Any object whose presence counts and whose content does not."""


class NotJson(Exception):
    """The bytes are no JSON object; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JsonReader(Generic[S]):
    """Decodes documents to one struct type."""

    __slots__ = ("_decode", "_kind")

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode

    def __call__(self, data: bytes) -> S:
        """Decode `data`.

        Raises:
            NotJson: with reason `bad_json`, `json_too_deep` or `json_too_long` (of an unexpected shape).
        """
        try:
            return self._decode(data)
        except RecursionError:
            raise NotJson("json_too_deep") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            pass
        if len(data) > limits.LENIENT_JSON_BYTES:
            raise NotJson("json_too_long")
        try:
            plain = json.loads(data.decode("utf-8", "replace"))
        except RecursionError:
            raise NotJson("json_too_deep") from None
        except ValueError:
            raise NotJson("bad_json") from None
        if not isinstance(plain, dict):
            raise NotJson("json_not_an_object")
        return _fill(self._kind, plain)


def _fill(kind: type[S], plain: dict[str, Any]) -> S:
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = plain.get(field.encode_name)
        if value is not None:
            try:
                kept[field.name] = _coerce(field.type, value)
            except (msgspec.ValidationError, ValueError, OverflowError):
                continue
    return kind(**kept)


def _coerce(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(kind) if option is not types.NoneType]
        if len(options) == 1:
            return _coerce(options[0], value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(value, dict):
            raise msgspec.ValidationError("not an object")
        return _fill(kind, value)
    if origin is list:
        return _coerce_list(get_args(kind)[0], value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= limits.TOKENS:
        value = int(value)
    return msgspec.convert(value, kind, strict=False)


def _coerce_list(kind: Any, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise msgspec.ValidationError("not a list")
    kept = []
    for item in value:
        try:
            kept.append(_coerce(kind, item))
        except (msgspec.ValidationError, ValueError, OverflowError):
            continue
    return kept
