"""How the model's answers are checked: `spec.quality`. Off until probes, suites or outcomes are given."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Duration, Percentage, Quantity
from llmmonitor_api.spec.limits import share_above_zero, within
from llmmonitor_api.spec.listmap import as_set, by_name, distinct, unique
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import Flag, HeaderName, ItemName, ResourceName, SecretKey
from llmmonitor_api.spec.probes import Probe


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


class Outcomes(SpecModel):
    """What people make of the answers of live traffic."""

    min_positive: Annotated[Percentage, share_above_zero()] | None = None
    """Positive feedback, as a share of all feedback given."""
    max_regenerated: Percentage | None = None
    """Answers that were asked for again, as a share of all."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="",
            reads=("min_positive", "max_regenerated"),
            message="outcomes need minPositive or maxRegenerated; without, leave them out",
            holds=lambda one: one.min_positive is not None or one.max_regenerated is not None,
            cel="has(self.minPositive) || has(self.maxRegenerated)",
        ),
    )


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
    )

    @property
    def configured(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.probes or self.suites or self.outcomes)
