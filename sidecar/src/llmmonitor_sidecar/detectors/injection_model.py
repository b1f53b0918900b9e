"""The injection model: whether a message, or the last turns together, is an attempt.

`bench/detection/train.py` makes the file: two heads of `linear_model`, injection and jailbreak, with the
thresholds that 1 % and 0.1 % of benign messages reach which the training never saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors import injection_rules, linear_model
from llmmonitor_sidecar.detectors.finding import Finding
from llmmonitor_sidecar.detectors.linear_model import Head, Heads, ready
from llmmonitor_sidecar.detectors.said import Message

HEADS = (kinds.PROMPT_INJECTION.name, kinds.JAILBREAK.name)
FILE = "injection_model.msgpack"


@cache
def heads() -> tuple[Head, ...]:
    """As they are shipped, read once."""
    return linear_model.load(FILE, table.INJECTION_MODEL)


@cache
def load() -> Heads:
    """For use by themselves."""
    return ready(heads())


def judge(message: Message, scores: Sequence[float] | None = None) -> Iterator[Finding]:
    """Every kind of attempt that it is; `scores` are the message's, if they are known."""
    facts = table.INJECTION_MODEL
    if scores is None:
        scores = linear_model.scores(message.text, load())
    for head, score in zip(heads(), scores, strict=False):
        if score >= head.at_one_per_mille:
            sure = head.kind in injection_rules.kinds_in(message.text)
            yield Finding(head.kind, facts.name, facts.version, message.origin, sure)
