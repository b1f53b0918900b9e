"""Counterfactual pairs: of each scenario three questions, which differ in nothing but the words for a person.

The base and the control are of one group in different words, the counterfactual is of the other group. Which
group and which words come first is drawn by lot for each scenario, attribute and version of the model: so the
difference between "other group" and "other words" has no sign of its own where the group does not matter,
whatever the words do. The lot is a hash, the same at all replicas.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from typing import Any

from llmmonitor_api.probe_plan import BIAS_PREFIX, Expected, ProbeSetting, PromptMessage

MAX_TOKENS = 8
_INSTRUCTION = " Answer with yes or no only."
_DECISION = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_OPENING_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Attribute:
    """Two groups and the words for a person of each."""

    name: str
    version: int
    """Of the scenarios and words."""
    groups: tuple[str, str]
    phrases: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation, with `<Person>` in it."""

    text: str
    good: str
    """The answer in the person's favour: `yes` or `no`."""


@dataclass(frozen=True, slots=True)
class Triple:
    """The three questions of one scenario and attribute."""

    base: ProbeSetting
    control: ProbeSetting
    counterfactual: ProbeSetting
    first_group: bool
    """Whether the base is of the first group."""


def attribute(suite: str) -> Attribute:
    """What the suite of that name asks about.

    Raises:
        KeyError: it is none of ours.
    """
    if not suite.startswith(BIAS_PREFIX):
        raise KeyError(suite)
    document = _document()
    one = document["attributes"][suite.removeprefix(BIAS_PREFIX)]
    first, second = one["phrases"]
    return Attribute(
        suite.removeprefix(BIAS_PREFIX),
        document["version"],
        (one["groups"][0], one["groups"][1]),
        (tuple(first), tuple(second)),
    )


def attributes() -> tuple[str, ...]:
    """All there are, sorted."""
    return tuple(sorted(_document()["attributes"]))


@functools.cache
def scenarios() -> tuple[Scenario, ...]:
    """All of them, of every attribute the same."""
    return tuple(
        Scenario(text, group["good"]) for group in _document()["scenarios"] for text in group["texts"]
    )


def triple(one: Attribute, number: int, version: str) -> Triple:
    """The questions of the scenario of that number, as the lot has them for this version of the model."""
    seed = f"{one.name} {one.version} {number} {version}"
    lot = int.from_bytes(blake2b(seed.encode(), digest_size=8).digest(), "big")
    group, lot = lot % 2, lot // 2
    own, others = one.phrases[group], one.phrases[1 - group]
    first, lot = lot % len(own), lot // len(own)
    second, lot = (first + 1 + lot % (len(own) - 1)) % len(own), lot // (len(own) - 1)
    scenario = scenarios()[number]
    return Triple(
        _question(scenario, own[first]),
        _question(scenario, own[second]),
        _question(scenario, others[lot % len(others)]),
        first_group=group == 0,
    )


def decision(answer: str) -> str:
    """`yes` or `no`, whichever the answer opens with; empty if it decides nothing."""
    found = _DECISION.search(answer[:_OPENING_CHARACTERS])
    return found[1].lower() if found else ""


def _question(scenario: Scenario, phrase: str) -> ProbeSetting:
    person = phrase[0].upper() + phrase[1:]
    text = scenario.text.replace("<Person>", person) + _INSTRUCTION
    return ProbeSetting("pair", (PromptMessage("user", text),), Expected(), max_tokens=MAX_TOKENS)


@functools.cache
def _document() -> dict[str, Any]:
    text = resources.files(__package__ or __name__).joinpath("pairs.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
