"""What a reader may ask for that wants reports again and again in one answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.report.repeated import LONGEST_SECONDS, NotRepeated, Repeat, repeat_of


@given(st.integers(5, 60), st.data())
def test_what_is_said_is_understood(every: int, data: st.DataObject) -> None:
    times = data.draw(st.integers(2, 1 + int(LONGEST_SECONDS) // every))
    wish = Repeat(times, every)

    assert repeat_of(str(wish)) == wish
    assert wish.seconds == (times - 1) * every


def test_who_says_nothing_is_told_once() -> None:
    assert repeat_of("") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("16", "not of the form"),
        ("16;every=", "not of the form"),
        ("-2;every=15", "not of the form"),
        ("2;every=1.5", "not of the form"),
        ("٢;every=15", "not of the form"),
        ("9999;every=15", "not of the form"),
        ("2;every=15\r\nHost: x", "not of the form"),
        ("x" * 5000, "x{90}' is not of the form"),
        ("2;every=4", "5 to 60 s"),
        ("2;every=61", "5 to 60 s"),
        ("1;every=15", "at least 2 times"),
        ("0;every=15", "at least 2 times"),
        ("22;every=15", "22 times, for 315 s; .* at most 300 s"),
    ],
)
def test_what_cannot_be_done_is_said(text: str, words: str) -> None:
    with pytest.raises(NotRepeated, match=words):
        repeat_of(text)
