"""One probe: what is asked of the live model and what must come back."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from llmmonitor_api.quantities import Amount, Duration, Percentage
from llmmonitor_api.spec.json_value import within_bounds
from llmmonitor_api.spec.limits import share_above_zero, within
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import Flag, ItemName
from llmmonitor_api.spec.patterns import SearchPattern

Text = Annotated[str, Field(min_length=1, max_length=16_384)]
ShortText = Annotated[str, Field(min_length=1, max_length=4_096)]

JsonSchema = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
    AfterValidator(within_bounds),
]
"""A JSON schema, kept as it is written."""


class MessageRole(StrEnum):
    """Who speaks, in the words of chat APIs."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(SpecModel):
    """One message of a probe's conversation."""

    role: MessageRole
    """Who speaks."""
    content: Text
    """What is said."""


class ExpectedNumber(SpecModel):
    """A number that the answer must give."""

    value: Amount
    """The right number."""
    tolerance: Amount = Decimal(0)
    """How far the answer's may be from it."""


class ExpectedSimilarity(SpecModel):
    """A text that the answer must be like."""

    text: ShortText
    """The text."""
    at_least: Annotated[Percentage, share_above_zero()] = Decimal("0.80")
    """How alike: the share of common character trigrams."""


class ExpectedMeaning(SpecModel):
    """A text that the answer must mean, by spec.quality.embeddings."""

    text: ShortText
    """The text."""
    at_least: Annotated[Percentage, share_above_zero()]
    """The cosine of both embeddings; what is alike differs from model to model, so there is no default."""


_EXPECTATIONS: Final = (
    "contains",
    "matches",
    "json_schema",
    "number",
    "similar_to",
    "means_like",
    "judged",
    "refuses",
    "max_latency",
)


class Expectation(SpecModel):
    """What must be so of an answer; everything given must hold."""

    contains: ShortText | None = None
    """A text in the answer, whatever its case."""
    matches: SearchPattern | None = None
    """A regular expression (RE2) found in the answer."""
    json_schema: JsonSchema | None = None
    """A JSON schema that the answer, as JSON, must fulfil."""
    number: ExpectedNumber | None = None
    """The last number in the answer."""
    similar_to: ExpectedSimilarity | None = None
    """A text that the answer must be like."""
    means_like: ExpectedMeaning | None = None
    """A text that the answer must mean."""
    judged: ShortText | None = None
    """A rubric that spec.quality.judge grades the answer by; it stands alone."""
    refuses: Flag | None = None
    """Whether the model must refuse (true) or must not (false)."""
    max_latency: Annotated[Duration, within(timedelta(milliseconds=1), timedelta(minutes=30))] | None = None
    """The whole answer must be there within this; from 1ms to 30m."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="",
            reads=_EXPECTATIONS,
            message="expect nothing and a probe cannot fail; give contains, matches, jsonSchema, number, "
            "similarTo, meansLike, judged, refuses or maxLatency",
            holds=lambda one: any(getattr(one, name) is not None for name in Expectation.model_fields),
            cel="has(self.contains) || has(self.matches) || has(self.jsonSchema) || has(self.number) || "
            "has(self.similarTo) || has(self.meansLike) || has(self.judged) || has(self.refuses) || "
            "has(self.maxLatency)",
        ),
        Rule(
            at="judged",
            reads=_EXPECTATIONS,
            message="judged stands alone, since a judge may not be trusted; give the rest to another probe",
            holds=lambda one: (
                one.judged is None
                or all(getattr(one, name) is None for name in Expectation.model_fields if name != "judged")
            ),
            cel="!has(self.judged) || !(has(self.contains) || has(self.matches) || has(self.jsonSchema) || "
            "has(self.number) || has(self.similarTo) || has(self.meansLike) || has(self.refuses) || "
            "has(self.maxLatency))",
        ),
    )


class Probe(SpecModel):
    """A question for the live model, with what the answer must be."""

    name: ItemName
    """Unique within the monitor; stands in metrics and messages."""
    prompt: Text | None = None
    """What is asked, as a user's single message."""
    messages: Annotated[tuple[Message, ...], Field(max_length=50)] = ()
    """What is asked, as a conversation."""
    expect: Expectation
    """What must be so of the answer."""
    repeats: Annotated[int, Field(ge=1, le=20, strict=True)] = 1
    """How often it is asked per round; it passes when most repeats do."""
    max_tokens: Annotated[int, Field(ge=1, le=32_768, strict=True)] = 256
    """The longest answer, in tokens."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="prompt",
            reads=("prompt", "messages"),
            message="a probe needs either prompt or messages, and not both",
            holds=lambda one: (one.prompt is not None) != bool(one.messages),
            cel="has(self.prompt) != (has(self.messages) && size(self.messages) > 0)",
        ),
    )
