"""How the model's answers are checked: `spec.quality`. Off until probes, suites or outcomes are given."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Duration, Percentage, Quantity
from llmmonitor_api.spec.limits import share_above_zero, within
from llmmonitor_api.spec.listmap import as_set, by_name, distinct, unique
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import Flag, HeaderName, ItemName, ModelName, ResourceName, SecretKey
from llmmonitor_api.spec.probes import Probe, ShortText


class SecretKeyRef(SpecModel):
    """A key of a Secret in the monitor's namespace."""

    name: ResourceName
    """The Secret's name."""
    key: SecretKey
    """The key within it."""


class ProbeAuth(SpecModel):
    """The credential that probes are sent with."""

    secret_key_ref: SecretKeyRef
    """Where it is; it reaches the sidecar as an environment variable and is never read by the operator."""
    header: HeaderName = "Authorization"
    """The HTTP header that carries it; in Authorization it is sent as a bearer token."""


Endpoint = Annotated[
    str,
    Field(
        pattern=r"^https?://(\[[0-9a-fA-F:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#@]*)?$", max_length=512
    ),
]
"""The base of an API, such as http://embeddings:8080/v1; a credential has no place in it."""


class Embeddings(SpecModel):
    """Who turns texts into vectors, so that what they mean can be compared: an endpoint in OpenAI's form."""

    url: Endpoint
    """Its base; /embeddings is appended."""
    model: ModelName
    """As the endpoint calls it."""
    auth: ProbeAuth | None = None
    """The credential that it is asked with."""


class LabelledAnswer(SpecModel):
    """An answer that people have judged, by which the judge is measured."""

    name: ItemName
    """Unique within the list."""
    rubric: ShortText
    """What it was judged by."""
    question: ShortText
    """What was asked."""
    answer: ShortText
    """What was answered."""
    good: Flag
    """What people said of it."""


class Judge(SpecModel):
    """A model that grades answers to probes with `judged`: an endpoint of chat completions like OpenAI's."""

    url: Endpoint
    """Its base; /chat/completions is appended."""
    model: ModelName
    """As the endpoint calls it."""
    auth: ProbeAuth | None = None
    """The credential that it is asked with."""
    min_agreement: Annotated[Percentage, share_above_zero()] = Decimal("0.75")
    """The least balanced accuracy on labelled answers, by its lower 95 % bound, for its grades to count."""
    labelled: Annotated[tuple[LabelledAnswer, ...], Field(max_length=50), by_name("name")] = ()
    """Answers that people have judged; without ten good and ten bad ones the judge is not trusted."""

    rules: ClassVar[tuple[Rule, ...]] = (unique("labelled", "name"),)


class FeedbackAuth(SpecModel):
    """Who may give feedback."""

    secret_key_ref: SecretKeyRef
    """The token that callers send as a bearer token; it reaches the sidecar as an environment variable."""


class Outcomes(SpecModel):
    """What people make of the answers of live traffic; counted once this section is there."""

    min_positive: Annotated[Percentage, share_above_zero()] | None = None
    """Positive feedback, as a share of all feedback given; judged by its upper 95 % bound."""
    max_regenerated: Percentage | None = None
    """Requests that ask the same again after an answer, as a share of all; judged by the lower 95 % bound."""
    max_rephrased: Percentage | None = None
    """Requests that ask nearly the same as the one before, as a share of those that go on after an answer;
    judged by the lower 95 % bound."""
    max_stopped: Percentage | None = None
    """Streamed answers that their client stopped after they had begun, as a share of all; judged by the
    lower 95 % bound."""
    window: Annotated[Duration, within(timedelta(hours=1), timedelta(days=30))] = timedelta(days=1)
    """The time that shares are of; from 1h to 30d."""
    feedback_auth: FeedbackAuth | None = None
    """Who may give feedback; left out: whoever reaches the sidecar and knows the answer's id."""

    @property
    def limits(self) -> dict[str, Decimal]:
        """The limits that are given, by the field's name."""
        names = ("min_positive", "max_regenerated", "max_rephrased", "max_stopped")
        given = {name: getattr(self, name) for name in names}
        return {name: limit for name, limit in given.items() if limit is not None}


class Quality(SpecModel):
    """Probes, suites and outcomes, and when probes are sent."""

    schedule: Annotated[Duration, within(timedelta(minutes=1), timedelta(days=30))] | None = None
    """How often a round of probes is sent; from 1m to 30d. Left out: only when the model changed."""
    on_model_change: Flag = True
    """Whether a change of the model (weights, quantisation, engine, flags) starts a round."""
    canaries: Flag = True
    """Whether fixed prompts go along with the rounds, to tell other weights behind the same name."""
    probes: Annotated[tuple[Probe, ...], Field(max_length=50), by_name("name")] = ()
    """The owner's probes; at most 50."""
    suites: Annotated[tuple[ItemName, ...], Field(max_length=20), as_set()] = ()
    """Built-in suites, by name."""
    min_passed: Annotated[Percentage, share_above_zero()] = Decimal("0.50")
    """Items that a suite's answers must pass: it fails when its whole 95 % interval is below."""
    auth: ProbeAuth | None = None
    """The credential that probes are sent with."""
    embeddings: Embeddings | None = None
    """Who turns the answers of probes with meansLike into vectors; it is never sent anybody else's texts."""
    judge: Judge | None = None
    """A model that grades answers to probes with judged, and is measured against people first."""
    outcomes: Outcomes | None = None
    """What people make of the answers of live traffic."""
    tokens_per_day: Quantity = Decimal(100_000)
    """What probes may use a day, prompt and completion together; rounds beyond it wait."""

    rules: ClassVar[tuple[Rule, ...]] = (
        unique("probes", "name"),
        distinct("suites"),
        Rule(
            at="schedule",
            reads=("schedule", "on_model_change", "probes", "suites"),
            message="these probes would never be sent; give a schedule, or onModelChange: true",
            holds=lambda one: (
                one.schedule is not None or one.on_model_change or not (one.probes or one.suites)
            ),
            cel="has(self.schedule) || self.onModelChange || "
            "!((has(self.probes) && size(self.probes) > 0) || (has(self.suites) && size(self.suites) > 0))",
        ),
        Rule(
            at="schedule",
            reads=("schedule", "probes", "suites"),
            message="a schedule needs probes or suites to send",
            holds=lambda one: one.schedule is None or bool(one.probes or one.suites),
            cel="!has(self.schedule) || (has(self.probes) && size(self.probes) > 0) || "
            "(has(self.suites) && size(self.suites) > 0)",
        ),
        Rule(
            at="embeddings",
            reads=("probes", "embeddings"),
            message="a probe with meansLike needs embeddings; say who makes them, or take similarTo",
            holds=lambda one: (
                one.embeddings is not None or all(probe.expect.means_like is None for probe in one.probes)
            ),
            cel="has(self.embeddings) || !has(self.probes) || "
            "self.probes.all(probe, !has(probe.expect.meansLike))",
        ),
        Rule(
            at="judge",
            reads=("probes", "judge"),
            message="a probe with judged needs a judge; say which model grades",
            holds=lambda one: (
                one.judge is not None or all(probe.expect.judged is None for probe in one.probes)
            ),
            cel="has(self.judge) || !has(self.probes) || self.probes.all(probe, !has(probe.expect.judged))",
        ),
    )

    @property
    def configured(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.probes or self.suites or self.outcomes)
