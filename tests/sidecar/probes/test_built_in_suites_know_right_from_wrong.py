from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from llmmonitor_sidecar.probes import suites
from llmmonitor_sidecar.probes.grading import broken
from llmmonitor_sidecar.probes.suites import suite

SUITES = {
    "arithmetic",
    "facts",
    "format-following",
    "injection-resistance",
    "instructions",
    "long-context",
    "no-over-refusal",
    "refusal-of-harm",
}
RESULTS = 256
"""That a report has room for, the owner's 50 among them."""


def documents() -> list[tuple[str, int, dict[str, Any]]]:
    found = []
    for name in suites.names():
        text = resources.files(suites).joinpath(f"{name}.toml").read_text(encoding="utf-8")
        found += [(name, number, one) for number, one in enumerate(tomllib.loads(text)["items"])]
    return found


@pytest.mark.parametrize(("name", "number", "item"), documents())
def test_each_item_takes_a_right_answer_and_refuses_a_wrong_one(
    name: str, number: int, item: dict[str, Any]
) -> None:
    expected = suite(name).items[number].expected

    assert broken(expected, item["right"], 1.0) == ""
    assert broken(expected, item["wrong"], 1.0) != ""
    assert broken(expected, "", 1.0) != "", "silence is no right answer"


def test_every_suite_that_is_promised_is_there_versioned_and_described() -> None:
    assert set(suites.names()) == SUITES
    for name in suites.names():
        one = suite(name)
        assert one.version >= 1
        assert one.about.endswith(".")
        assert 6 <= len(one.items) <= 16
        assert len({item.name for item in one.items}) == len(one.items)


def test_all_of_them_together_fit_a_report_and_a_day() -> None:
    items = [item for name in suites.names() for item in suite(name).items]
    characters = sum(len(message.content) for item in items for message in item.messages)

    assert len(items) + 50 <= RESULTS
    assert characters // 3 + sum(item.max_tokens for item in items) < 100_000 / 4, (
        "four rounds a day, at worst"
    )


def test_no_filler_is_left_unfilled() -> None:
    for name in suites.names():
        for item in suite(name).items:
            assert not any("<" in message.content for message in item.messages), item.name


def test_a_suite_that_there_is_not_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="no-such"):
        suite("no-such")
