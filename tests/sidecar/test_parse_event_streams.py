"""Server-sent events and JSON lines mean the same however their bytes are split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.ndjson import NdjsonReader
from llmmonitor_sidecar.analyser.sse import SseReader

FIELDS = ["data: a", "data:b", "data", "data:", "data:  two", "event: x", "event:y", "event", "", ""]
OTHERS = [": comment", ":", "id: 1", "retry: 5", "dat: no", " data: no", "data : no", "\ufeffdata: bom"]
LINES = st.lists(st.sampled_from([*FIELDS, *OTHERS, "data: é€😀", "data: c:d"]), max_size=25)
ENDS = st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=25, max_size=25)


def _reference(text: str) -> list[tuple[bytes, bytes]]:
    """The standard's algorithm on the whole text at once (WHATWG HTML, 9.2.6)."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    complete = text.split("\n")[:-1]
    events: list[tuple[bytes, bytes]] = []
    name, data = "", list[str]()
    for line in complete:
        if not line:
            if data and "\n".join(data):
                events.append((name.encode(), "\n".join(data).encode()))
            name, data = "", list[str]()
            continue
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    return events


@settings(max_examples=300, deadline=None)
@given(lines=LINES, ends=ENDS, bom=st.booleans(), cuts=st.lists(st.integers(0, 400), max_size=30))
def test_any_split_gives_the_standards_events(
    lines: list[str], ends: list[str], cuts: list[int], *, bom: bool
) -> None:
    body = "".join(line + end for line, end in zip(lines, ends, strict=False))
    text = f"\ufeff{body}" if bom else body
    wire = text.encode()
    bounds = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})

    reader = SseReader()
    events = [event for a, b in itertools.pairwise(bounds) for event in reader.feed(wire[a:b])]

    assert events == _reference(text)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@settings(max_examples=100, deadline=None)
@given(events=st.lists(st.tuples(st.none() | TEXT, TEXT), max_size=8), step=st.integers(1, 64))
def test_the_short_way_gives_the_same_as_the_long_one(
    events: list[tuple[str | None, str]], step: int
) -> None:
    chunks = [
        f"data: {payload}\n\n" if name is None else f"event: {name}\ndata: {payload}\n\n"
        for name, payload in events
    ]
    wire = "".join(chunks).encode()

    short, long = SseReader(), SseReader()
    by_event = [event for chunk in chunks for event in short.feed(chunk.encode())]
    by_step = [event for i in range(0, len(wire), step) for event in long.feed(wire[i : i + step])]

    expected = [((name or "").encode(), payload.encode()) for name, payload in events if payload]
    assert by_event == by_step == expected


def test_an_event_is_given_as_soon_as_its_empty_line_began() -> None:
    assert SseReader().feed(b"data: x\r\r") == [(b"", b"x")]


@pytest.mark.parametrize("step", [1, 4_096, 1 << 22])
@pytest.mark.parametrize("over", [0, 1, 10, 5_000])
def test_a_long_event_is_skipped_and_the_next_is_read(
    step: int, over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENT_BYTES", 5_000)
    wire = b"data: " + b"x" * (limits.EVENT_BYTES + over) + b"\n\ndata: y\n\n"
    reader = SseReader()

    events = [event for i in range(0, len(wire), step) for event in reader.feed(wire[i : i + step])]

    assert events == [(b"", b"y")]
    assert reader.oversize_events == 1


def test_a_line_that_never_ends_is_bounded() -> None:
    reader = SseReader()
    for _ in range(64):
        reader.feed(b"data: " + b"x" * 65_536)

    assert len(reader._line) <= limits.EVENT_BYTES + 64


def test_many_data_lines_of_one_event_are_bounded() -> None:
    reader = SseReader()
    for _ in range(64):
        reader.feed((b"data: " + b"x" * 1_000 + b"\n") * 65)

    assert sum(map(len, reader._data)) <= limits.EVENT_BYTES
    assert reader.feed(b"\n") == []
    assert reader.oversize_events == 1


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.sampled_from([b'{"a":1}', b"", b" ", b'{"b":"\xc3\xa9"}', b"x\r"]), max_size=12),
    last=st.sampled_from([b"", b'{"done":true}']),
    step=st.integers(1, 20),
)
def test_json_lines_over_any_split(lines: list[bytes], last: bytes, step: int) -> None:
    wire = b"".join(line + b"\n" for line in lines) + last
    reader = NdjsonReader()

    events = [
        event for i in range(0, len(wire), step) for event in reader.feed(wire[i : i + step])
    ] + reader.rest()

    assert events == [(b"", line.strip()) for line in [*lines, last] if line.strip()]


def test_a_long_json_line_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVENT_BYTES", 100)
    reader = NdjsonReader()

    assert reader.feed(b"x" * 90) + reader.feed(b"y" * 11) + reader.feed(b"z\n{}\n") == [(b"", b"{}")]
    assert reader.oversize_events == 1
