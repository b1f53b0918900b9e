"""Long words of one alphabet would hold up the analyser for hours if every letter read on to their end."""

# ruff: noqa: RUF001 - other alphabets are what is looked for

from __future__ import annotations

import pytest

from llmmonitor_sidecar.detectors.encodings import hidden, plain

MANY = 2_000_000


@pytest.mark.parametrize("word", ["é" * MANY, "漢" * MANY, "é" + "a" * MANY, "п" * MANY])
def test_a_long_word_of_one_alphabet_hides_nothing(word: str) -> None:
    assert hidden(word) == ()


def test_a_long_word_of_two_alphabets_is_read_as_one() -> None:
    assert plain("раураl" * 100_000) == "paypal" * 100_000
    assert hidden("раураl раssword") == ("paypal password",)


def test_letters_after_which_the_word_has_one_alphabet_stay() -> None:
    assert plain("раураl_рараn еее раnа") == "paypal_papan еее pana"
    assert plain("раnа_рара") == "pana_рара"
