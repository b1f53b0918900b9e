"""All detectors over one exchange, within the CPU time that one exchange may take.

The order is by what a miss would cost: answers before requests, cheap before dear. When the time is up, the
rest is left out and said (`cut_short`); no detector alone can take long, since each bounds what it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors import (
    empty,
    encodings,
    injection_model,
    injection_rules,
    leakage,
    linear_model,
    many_shot,
    own_patterns,
    pii,
    refusals,
    repetition,
    secrets,
    toxicity,
)
from llmmonitor_sidecar.detectors.compliance import complied
from llmmonitor_sidecar.detectors.finding import Finding, Heard, ends
from llmmonitor_sidecar.detectors.linear_model import Heads
from llmmonitor_sidecar.detectors.own_patterns import OwnPattern
from llmmonitor_sidecar.detectors.said import Message
from llmmonitor_sidecar.detectors.turns import joined, last_turns

Clock = Callable[[], int]
"""CPU nanoseconds that this thread has taken."""

BUDGET_NANOSECONDS = 20_000_000
"""Of one exchange: twenty times what an ordinary one takes."""
_ANSWER_DETECTORS = (
    empty.judge,
    refusals.judge,
    secrets.exposed,
    pii.exposed,
    leakage.judge,
    repetition.judge,
    toxicity.judge,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What came of one exchange."""

    findings: frozenset[Finding]
    complied: frozenset[str]
    """Kinds of attempts that the model went along with."""
    cut_short: bool


@cache
def prepare() -> None:
    """Load what detectors need, once, so that no exchange's budget pays for it."""
    injection_rules.kinds_in("")
    toxicity.load()
    _heads()


def inspect(heard: Heard, patterns: tuple[OwnPattern, ...], clock: Clock) -> Inspection:
    """Everything that is found.

    Args:
        heard: the exchange.
        patterns: the owner's.
        clock: for the budget.
    """
    began = clock()
    found: set[Finding] = set()
    for findings in _steps(heard, patterns):
        found.update(findings)
        if clock() - began > BUDGET_NANOSECONDS:
            return Inspection(frozenset(found), complied(heard, found), cut_short=True)
    return Inspection(frozenset(found), complied(heard, found), cut_short=False)


def _steps(heard: Heard, patterns: tuple[OwnPattern, ...]) -> Iterator[Iterator[Finding]]:
    for of_answer in _ANSWER_DETECTORS:
        yield of_answer(heard)
    if patterns:
        yield own_patterns.judge(heard, patterns)
    for message in heard.new:
        concealed = encodings.hidden(ends(message.text, encodings.CHARACTERS))
        yield encodings.judge(message, concealed)
        yield pii.received(message)
        if message.origin is not Origin.SYSTEM:  # which says what its owner wants: no attempt at anything
            yield many_shot.judge(message)
            scores = linear_model.scores(message.text, _heads())
            yield toxicity.received(message, scores)
            yield _attempts(message, scores)
            for text in concealed:
                yield _attempts(Message(message.origin, text))
    if any(one.origin is Origin.USER for one in heard.new):
        yield _in_pieces(heard)


@cache
def _heads() -> Heads:
    """Those of all models, to read a text once."""
    return linear_model.ready((*injection_model.heads(), toxicity.head()))


def _attempts(message: Message, scores: Sequence[float] | None = None) -> Iterator[Finding]:
    yield from injection_rules.judge(message)
    yield from injection_model.judge(message, scores or linear_model.scores(message.text, _heads()))


def _in_pieces(heard: Heard) -> Iterator[Finding]:
    """What the last turns say together and none of them says alone."""
    turns = last_turns(heard.context)
    if len(turns) <= 1:
        return
    together = list(_attempts(joined(turns)))
    if together:
        alone = {found.kind for turn in turns for found in _attempts(turn)}
        yield from (found for found in together if found.kind not in alone)
