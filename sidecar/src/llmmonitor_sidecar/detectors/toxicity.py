"""Toxic language: insults, threats, slurs, hate of groups, obscene abuse; in answers, and told of requests.

`bench/detection/train_toxicity.py` makes the file: one head of `linear_model`. What is sought is the
language, as Perspective's "toxicity" (Lees et al., KDD 2022) means it, not a harmful content in polite words.
No finding is beyond doubt, however high its score: some harmless sentences about groups of people score as
high.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors import linear_model
from llmmonitor_sidecar.detectors.finding import Finding, Heard
from llmmonitor_sidecar.detectors.linear_model import Head, Heads, ready
from llmmonitor_sidecar.detectors.said import Message

FILE = "toxicity_model.msgpack"


@cache
def head() -> Head:
    """As it is shipped, read once."""
    (only,) = linear_model.load(FILE, table.TOXICITY)
    return only


@cache
def load() -> Heads:
    """For use by itself."""
    return ready((head(),))


def judge(heard: Heard) -> Iterator[Finding]:
    """Any choice is toxic."""
    found = max((linear_model.scores(answer, load())[0] for answer in heard.answers), default=float("-inf"))
    yield from _findings(kinds.TOXICITY.name, Origin.ANSWER, found)


def received(message: Message, scores: Sequence[float]) -> Iterator[Finding]:
    """Information: a message is toxic; the last of its `scores` is this head's."""
    yield from _findings(kinds.TOXICITY_RECEIVED.name, message.origin, scores[-1])


def _findings(kind: str, origin: Origin, score: float) -> Iterator[Finding]:
    if score >= head().at_one_per_mille:
        facts = table.TOXICITY
        yield Finding(kind, facts.name, facts.version, origin)
