"""What evaluation needs of an LLMMonitor: its spec with defaults applied, in seconds and ratios.

Made by `configure.settings_for`; evaluation itself never sees pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from llmmonitor_api.conditions import Role
from llmmonitor_api.configuration import is_further
from llmmonitor_api.probe_plan import ProbePlan
from llmmonitor_api.report.totals import objective_key
from llmmonitor_api.spec.cost import BudgetPeriod
from llmmonitor_api.spec.versions import VersionSource
from llmmonitor_operator.cost.price import Price
from llmmonitor_operator.drift.watch import DriftSettings


@dataclass(frozen=True)
class ObjectiveSettings:
    """One objective; what is derived from it is so once, for every evaluation asks."""

    name: str
    signal: str
    threshold: float | None
    """In the signal's unit: seconds, a ratio, a count; None where it has none."""
    threshold_text: str
    target: Fraction
    """The share of events that must be good."""
    window_seconds: float
    source: str
    """`spec` or `default`."""
    models: tuple[str, ...] = ()
    """For which models alone, `*` standing for any text; empty: all. Sorted."""
    operations: tuple[str, ...] = ()
    """For which operations alone; empty: all that generate. Sorted."""

    @cached_property
    def key(self) -> str:
        """Under which its counts stand in reports."""
        return objective_key(self.name, self.signal, self.threshold_text, self.models, self.operations)

    @property
    def filtered(self) -> bool:
        """Whether it is of some requests alone."""
        return bool(self.models or self.operations)

    @property
    def further(self) -> bool:
        """Whether a sidecar may be too old to count it."""
        return is_further(self.signal, filtered=self.filtered)

    @cached_property
    def budget(self) -> Fraction:
        """The share of events that may be bad."""
        return 1 - self.target


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What tokens cost elsewhere, per million."""

    name: str
    prompt: Decimal
    completion: Decimal


@dataclass(frozen=True, slots=True)
class CostSettings:
    """Prices and budget."""

    price: Price | None = None
    budget: Decimal | None = None
    period: BudgetPeriod = BudgetPeriod.MONTH
    completion_token_weight: Decimal | None = None
    """How many prompt tokens a completion token counts as; None: cost is not allocated to either."""
    compared_with: TokenPrices | None = None


@dataclass(frozen=True, slots=True)
class VersionSettings:
    """How versions are told apart and compared."""

    by: VersionSource = VersionSource.FINGERPRINT
    label: str = ""
    margin: float = 0.05
    """By how much shares of bad events may differ and count as alike."""
    client_header: str = ""
    """The request header that tells clients apart; empty without one."""


@dataclass(frozen=True, slots=True)
class InteractionLimit:
    """What is allowed of one kind of finding; each part that is given must hold."""

    kind: str
    """As reports call it."""
    text: str
    """As the owner wrote it."""
    most: int | None = None
    most_rate: float | None = None
    most_per_client: int | None = None
    own: bool = False
    """Whether it is the owner's pattern."""

    @property
    def per_client_alone(self) -> bool:
        """Whether nothing of it can be judged without telling clients apart."""
        return self.most is None and self.most_rate is None


@dataclass(frozen=True, slots=True)
class InteractionSettings:
    """Limits on what is said."""

    limits: tuple[InteractionLimit, ...] = ()
    window_seconds: float = 3600.0
    clear_after_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class OutcomeSettings:
    """What people make of answers, and how much of it is too much."""

    window_seconds: float = 86_400.0
    min_positive: float | None = None
    max_regenerated: float | None = None
    max_rephrased: float | None = None
    max_stopped: float | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is judged."""
        limits = (self.min_positive, self.max_regenerated, self.max_rephrased, self.max_stopped)
        return any(one is not None for one in limits)


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What is asked, and when it is good."""

    plan: ProbePlan | None = None
    """None: nothing is asked."""
    min_passed: float = 0.5
    """The share of a suite's items that must pass."""
    judge_least: float = 1.0
    """What a judge's agreement with people has to reach, by its lower bound, for its grades to count."""
    outcomes: OutcomeSettings | None = None
    """None: the owner does not ask for them."""

    @property
    def judged(self) -> frozenset[str]:
        """The owner's probes that a judge grades."""
        probes = self.plan.probes if self.plan is not None else ()
        return frozenset(one.name for one in probes if one.expected.judged)

    @property
    def digest(self) -> str:
        """Of the plan; empty without one."""
        return self.plan.digest if self.plan is not None else ""


@dataclass(frozen=True, slots=True)
class RequestCheckSettings:
    """Which requests are invalid, and how many may be."""

    checks: tuple[str, ...] = ()
    """As `report.requests.CHECKS` calls them."""
    setting: str = ""
    """`RequestChecksSetting.digest`."""
    max_invalid_rate: float = 0.01
    window_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One monitor, as evaluation reads it."""

    generation: int = 0
    """`metadata.generation`; 0 without a cluster."""
    objectives: tuple[ObjectiveSettings, ...] = ()
    stall_after_seconds: float = 30.0
    report_interval_seconds: float = 15.0
    memory_limit: float = 0.9
    kv_cache_limit: float = 0.95
    cpu_throttled_limit: float = 0.25
    intercepts: bool = True
    """Whether the owner wants traffic read at all."""
    hold_for_seconds: float = 3600.0
    clear_after_seconds: float = 300.0
    cost: CostSettings = CostSettings()
    drift: DriftSettings = field(default_factory=DriftSettings)
    versions: VersionSettings = VersionSettings()
    interactions: InteractionSettings = InteractionSettings()
    quality: QualitySettings = QualitySettings()
    requests: RequestCheckSettings = RequestCheckSettings()
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Condition type to the role that the owner gave it."""

    @property
    def stale_after_seconds(self) -> float:
        """A report older than three intervals is stale."""
        return 3 * self.report_interval_seconds
