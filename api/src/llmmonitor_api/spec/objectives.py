"""Objectives: `spec.performance.objectives`, how their thresholds are written, and the default ones.

What an objective can be about stands in `signals.py`. (SRE workbook, chapter 2 and 5.)
"""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field

from llmmonitor_api.quantities import (
    DURATION_WITHOUT_DAYS_PATTERN,
    Duration,
    Percentage,
    integer_or_string,
    parse_duration,
    parse_percentage,
    parse_quantity,
)
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import as_set, distinct
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import ItemName
from llmmonitor_api.spec.scope import MODELS_LIMIT, ModelPattern, Operation
from llmmonitor_api.spec.signals import SIGNALS, EventKind, ObjectiveSignal, SignalFacts, ThresholdUnit

_WRITTEN_AS: Final = {
    ThresholdUnit.SECONDS: "a duration above zero, 24h at most; write for example 800ms",
    ThresholdUnit.RATIO: "a percentage from 1% to 100%; write for example 90%",
    ThresholdUnit.REQUESTS: "a number of requests above zero; write for example 20",
    ThresholdUnit.TOKENS_PER_SECOND: "a number of tokens per second above zero; write for example 1.5k",
}
LONGEST_THRESHOLD: Final = timedelta(hours=24)
COUNT_PATTERN: Final = r"^([1-9][0-9]{0,14}(\.[0-9]{1,3})?|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))[kMG]?$"
"""A quantity above zero without the suffixes that a duration could be mistaken for."""
SHARE_PATTERN: Final = r"^(100(\.0{1,6})?|[1-9][0-9]?(\.[0-9]{1,6})?)%$"
"""A percentage from 1%."""
_PATTERNS: Final = (DURATION_WITHOUT_DAYS_PATTERN, SHARE_PATTERN, COUNT_PATTERN)
THRESHOLD_PATTERN: Final = f"^({'|'.join(pattern[1:-1] for pattern in _PATTERNS)})$"


def _threshold(value: object) -> object:
    """Text of any of the three syntaxes; a whole number stands for its text."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and not re.fullmatch(THRESHOLD_PATTERN, text):
        raise ValueError(
            f"{text!r} is no threshold; write for example 800ms, 90% or 1.5k, as the signal needs"
        )
    return text


def _parse_count(text: str) -> Decimal:
    if not re.fullmatch(COUNT_PATTERN, text):
        raise ValueError(f"{text!r} is no count; write for example 20 or 1.5k")
    return parse_quantity(text)


Threshold = Annotated[
    str, BeforeValidator(_threshold), integer_or_string(THRESHOLD_PATTERN, 64, range(1, 10**15))
]
"""A threshold as written; its unit shows by how it ends: a duration's unit, a percent sign, or neither."""

_PARSERS: Final = {
    ThresholdUnit.SECONDS: lambda text: Decimal(parse_duration(text) // timedelta(microseconds=1)).scaleb(-6),
    ThresholdUnit.RATIO: parse_percentage,
    ThresholdUnit.REQUESTS: _parse_count,
    ThresholdUnit.TOKENS_PER_SECOND: _parse_count,
}
_MOST: Final = {ThresholdUnit.SECONDS: Decimal(LONGEST_THRESHOLD // timedelta(seconds=1))}
_BY_UNIT: Final = {
    unit: [signal.value for signal, facts in SIGNALS.items() if facts.unit is unit] for unit in ThresholdUnit
}
_OF_TIME: Final = [signal.value for signal, facts in SIGNALS.items() if facts.counts is EventKind.TIME_SLICE]
_ENDS_AS_DURATION: Final = " || ".join(f"self.threshold.endsWith('{end}')" for end in "smh")
_IN_RANGE: Final = (
    "duration(self.threshold) > duration('0s') && "
    f"duration(self.threshold) <= duration('{LONGEST_THRESHOLD // timedelta(hours=1)}h')"
)
_ABOVE_ZERO: Final = "!self.threshold.startsWith('0') || self.threshold.startsWith('0.')"
_COUNTED_IN_CEL: Final = (
    "type(self.threshold) == int || "
    f"!({_ENDS_AS_DURATION} || self.threshold.endsWith('%')) && ({_ABOVE_ZERO})"
)
_WRITTEN_IN_CEL: Final = {
    ThresholdUnit.SECONDS: f"type(self.threshold) == string && ({_ENDS_AS_DURATION}) && {_IN_RANGE}",
    ThresholdUnit.RATIO: "type(self.threshold) == string && self.threshold.endsWith('%') && "
    "!self.threshold.startsWith('0')",
    ThresholdUnit.REQUESTS: _COUNTED_IN_CEL,
    ThresholdUnit.TOKENS_PER_SECOND: _COUNTED_IN_CEL,
}
"""CEL looks at the ends alone: it takes an int-or-string for megabytes long, and would refuse a `matches`
within a list as too costly. The pattern does the rest."""


def _written_in(unit: ThresholdUnit, one: Any) -> bool:
    """Whether the threshold, if the signal's is of this unit, is written in it and above zero."""
    if SIGNALS[one.signal].unit is not unit or one.threshold is None:
        return True
    try:
        return bool(0 < _PARSERS[unit](one.threshold) <= _MOST.get(unit, Decimal("Infinity")))
    except ValueError:
        return False


def _unit_rule(unit: ThresholdUnit) -> Rule:
    return Rule(
        at="threshold",
        reads=("signal", "threshold"),
        message=f"the threshold of {', '.join(_BY_UNIT[unit])} is {_WRITTEN_AS[unit]}",
        holds=lambda one: _written_in(unit, one),
        cel=f"!(self.signal in {_BY_UNIT[unit]}) || !has(self.threshold) || ({_WRITTEN_IN_CEL[unit]})",
    )


class ObjectiveSource(StrEnum):
    """Who set an objective."""

    SPEC = "spec"
    DEFAULT = "default"


class Objective(SpecModel):
    """How good a signal must be, for which share of requests or of time, over which window."""

    name: ItemName
    """Unique within the monitor; stands in metrics and messages."""
    signal: ObjectiveSignal
    """Of requests: TimeToFirstToken, TimeToFirstContent, TimePerOutputToken, ChunkGap, RequestDuration
    (threshold: a duration), RequestThroughput (tokens per second; less is bad), ErrorRate, OverloadRate,
    TimeoutRate, AbortRate, TruncationRate, EmptyAnswerRate, MalformedAnswerRate (no threshold). Of time:
    QueueDepth (threshold: requests), KVCacheUse (a percentage), Availability (none), Throughput (tokens per
    second; less is bad)."""
    threshold: Threshold | None = None
    """On the bad side of it, a request or a slice of time is bad; its unit is the signal's."""
    target: Percentage
    """The share that must be good; what is left to 100% is the error budget."""
    window: Annotated[Duration, within(timedelta(minutes=10), timedelta(days=90))] = timedelta(days=1)
    """The time that the error budget is for; from 10m to 90d."""
    models: Annotated[tuple[ModelPattern, ...], Field(max_length=MODELS_LIMIT), as_set()] = ()
    """Of requests for these models alone, as clients name them (of several adapters on one server, each is
    one); `*` stands for any text. Where a request names none, its answer does. At most 8; all when empty."""
    operations: Annotated[tuple[Operation, ...], Field(max_length=len(Operation)), as_set()] = ()
    """Of these operations alone: chat, text_completion, embeddings. When empty, all that generate, which
    embeddings do not."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="target",
            reads=("target",),
            message="the target must be above 0% and below 100%, or there is no error budget; "
            "write for example 99.9%",
            holds=lambda one: 0 < one.target < 1,
            cel=r"!self.target.matches('^(100|00?)([.]0+)?%$')",
        ),
        Rule(
            at="threshold",
            reads=("signal", "threshold"),
            message=f"{', '.join(_BY_UNIT[ThresholdUnit.NONE])} take no threshold, the others need one",
            holds=lambda one: SIGNALS[one.signal].needs_threshold == (one.threshold is not None),
            cel=f"(self.signal in {_BY_UNIT[ThresholdUnit.NONE]}) != has(self.threshold)",
        ),
        *(_unit_rule(unit) for unit in ThresholdUnit if unit is not ThresholdUnit.NONE),
        Rule(
            at="",
            reads=("signal", "models", "operations"),
            message=f"{', '.join(_OF_TIME)} are of the whole server and not of requests; "
            "leave models and operations out",
            holds=lambda one: one.signal not in _OF_TIME or not (one.models or one.operations),
            cel=f"!(self.signal in {_OF_TIME}) || (!has(self.models) || size(self.models) == 0) && "
            "(!has(self.operations) || size(self.operations) == 0)",
        ),
        distinct("models"),
        distinct("operations"),
    )

    @property
    def facts(self) -> SignalFacts:
        """The signal's row: what is counted, its unit, which side is bad."""
        return SIGNALS[self.signal]

    @property
    def limit(self) -> Decimal | None:
        """The threshold as a number in `facts.unit` (seconds, ratio, …); None where there is none."""
        return None if self.threshold is None else _PARSERS[self.facts.unit](self.threshold)


DEFAULT_OBJECTIVES: Final = (
    Objective(name="errors", signal=ObjectiveSignal.ERROR_RATE, target=Decimal("0.99")),
    Objective(
        name="first-token", signal=ObjectiveSignal.TIME_TO_FIRST_TOKEN, threshold="2s", target=Decimal("0.95")
    ),
)
"""What a monitor without objectives is judged by; status shows them with `source: default`."""
