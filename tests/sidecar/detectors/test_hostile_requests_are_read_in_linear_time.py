"""Texts that would hold up the analyser for hours if reading them took longer than their length."""

from __future__ import annotations

import pytest

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.request_text import RequestText, messages_of
from llmmonitor_sidecar.detectors.said import Message, Said

MANY = 400_000


@pytest.mark.parametrize("tags", ["<doc>", "<retrieved-a>", "<Source a=b>", "<context>a</doc>"])
def test_tags_that_nobody_closes_are_their_authors_text(tags: str) -> None:
    text = tags * MANY + "</"

    assert messages_of(RequestText(prompt=text)) == (Message(Origin.USER, text),)


def test_what_stands_between_tags_is_retrieved_up_to_the_next_that_closes() -> None:
    text = "a<doc>b<doc>c</DOC>d</doc><document id=1>e</document><source> </source>f"

    assert messages_of(RequestText(prompt=text)) == (
        Message(Origin.USER, "a"),
        Message(Origin.RETRIEVED, "b<doc>c"),
        Message(Origin.USER, "d</doc>"),
        Message(Origin.RETRIEVED, "e"),
        Message(Origin.USER, "<source> </source>f"),
    )


@pytest.mark.parametrize("kind", [[], {}, ["text"], 1, None, True])
def test_a_part_whose_type_is_no_name_is_read_like_one_without(kind: object) -> None:
    part = {"type": kind, "text": "hi"}

    found = messages_of(RequestText(messages=[{"role": "user", "content": [part]}]))

    assert found == (Message(Origin.USER, "hi"),)


def test_what_is_kept_counts_with_the_memory_that_it_takes() -> None:
    said = Said()
    said.ask(messages_of(RequestText(prompt="a" * 200_000 + "\U0001f642")))

    assert said.kept_bytes >= 4 * 200_000, "one such character makes every other take four bytes"
    said.forget()
    assert said.kept_bytes == 0
