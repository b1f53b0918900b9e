"""Built-in suites: questions of our own with the answers that are right, a TOML file each, read when asked.

`version` grows with every change of a suite's items: results of two versions are not the same measure.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec

from llmmonitor_api.probe_plan import Expected, ProbeSetting, PromptMessage

_DEFAULT_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite."""

    name: str
    version: int
    about: str
    items: tuple[ProbeSetting, ...]


def names() -> tuple[str, ...]:
    """All there are, sorted."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@functools.lru_cache(maxsize=32)
def suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        KeyError: there is none.
    """
    if name not in names():
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    fillers = document.get("fillers", {})
    items = tuple(_item(name, number, one, fillers) for number, one in enumerate(document["items"], 1))
    return Suite(name, document["version"], document["about"], items)


def _item(name: str, number: int, one: dict[str, Any], fillers: dict[str, str]) -> ProbeSetting:
    given = one.get("messages") or [{"role": "user", "content": one["prompt"]}]
    messages = tuple(
        PromptMessage(message["role"], _filled(message["content"], fillers)) for message in given
    )
    return ProbeSetting(
        name=f"{name}-{number}",
        messages=messages,
        expected=msgspec.convert(one["expected"], Expected),
        max_tokens=one.get("max_tokens", _DEFAULT_TOKENS),
    )


def _filled(text: str, fillers: dict[str, str]) -> str:
    for name, filler in fillers.items():
        text = text.replace(f"<{name}>", filler)
    return text
