"""A surprise in one field of a stranger's JSON loses that field, never the document."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader, Name, NotJson


class _Inner(msgspec.Struct):
    tokens: Count | None = None
    word: str | None = None


class _Outer(msgspec.Struct):
    model: Name | None = None
    count: Count | None = None
    flag: bool | None = None
    inner: _Inner | None = None
    many: list[_Inner] | None = None
    ids: list[int] | None = None
    anything: Any = None


read = JsonReader(_Outer)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"model":7,"count":3}', _Outer(count=3)),
        (b'{"model":"m","count":-1}', _Outer(model="m")),
        (b'{"model":"m","count":1e99}', _Outer(model="m")),
        (b'{"model":"m","count":99999999999999999999999999}', _Outer(model="m")),
        (b'{"model":"m","count":24.0}', _Outer(model="m", count=24)),
        (b'{"model":"m","count":24.5}', _Outer(model="m")),
        (b'{"model":"m","count":"24"}', _Outer(model="m", count=24)),
        (b'{"model":"m","inner":[]}', _Outer(model="m")),
        (b'{"model":"m","inner":{"tokens":"x","word":"w"}}', _Outer(model="m", inner=_Inner(word="w"))),
        (b'{"many":[{"tokens":1},7,{"tokens":[]}]}', _Outer(many=[_Inner(tokens=1), _Inner()])),
        (b'{"many":{"0":1},"count":1}', _Outer(count=1)),
        (b'{"ids":[1,"x",2],"count":1}', _Outer(ids=[1, 2], count=1)),
        (b'{"count":1,"other":NaN,"more":-Infinity}', _Outer(count=1)),
        (b'{"count":1,"model":"\xff"}', _Outer(count=1, model="\ufffd")),
        (b'{"count":1,"model":"\\ud800"}', _Outer(count=1, model="\ud800")),
        (b'{"count":2,"model":"' + b"x" * 300 + b'"}', _Outer(count=2)),
    ],
)
def test_one_odd_field_is_dropped(document: bytes, expected: _Outer) -> None:
    assert read(document) == expected


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff", "bad_json"),
        (b"[1]", "json_not_an_object"),
        (b'{"x":' + b"[" * 200_000, "json_too_deep"),
        (b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "json_too_deep"),
        (b'{"anything":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001, "json_too_deep"),
        (b'{"model":1,"pad":"' + b"x" * limits.LENIENT_JSON_BYTES + b'"}', "json_too_long"),
    ],
)
def test_what_is_no_json_object_has_a_reason(document: bytes, reason: str) -> None:
    with pytest.raises(NotJson) as caught:
        read(document)

    assert caught.value.reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["model", "count", "flag", "inner", "many", "ids", "anything", "tokens", "word"])


@settings(max_examples=150, deadline=None)
@given(document=st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON, max_size=3), max_size=7))
def test_any_json_object_is_read(document: dict[str, Any]) -> None:
    out = read(json.dumps(document).encode())

    count = document.get("count")
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= limits.TOKENS:
        assert out.count == count
    if isinstance(document.get("model"), str):
        assert out.model == document["model"]


@settings(max_examples=400, deadline=None)
@given(document=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    try:
        out = read(document)
    except NotJson:
        return
    assert isinstance(out, _Outer)
