"""`status` as a whole, and the way in from the condition table's values."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

import msgspec
from pydantic import Field

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.conditions.condition import MAX_MESSAGE_CHARACTERS
from llmmonitor_api.spec.listmap import by_name
from llmmonitor_api.status.economy import CostStatus, VersionStatus
from llmmonitor_api.status.engine_counts import EngineCountsStatus
from llmmonitor_api.status.figures import ObjectiveStatus, PerformanceStatus, ResourcesStatus
from llmmonitor_api.status.findings import (
    AuditStatus,
    DriftStatus,
    InteractionStatus,
    QualityStatus,
    ReviewersStatus,
)
from llmmonitor_api.status.model import Count, StatusModel
from llmmonitor_api.status.requests import RequestsStatus
from llmmonitor_api.status.subject import EngineStatus, PodsStatus, WindowStatus


class StatusCondition(StatusModel):
    """A condition, as metav1.Condition has it."""

    type: Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}$", max_length=64)]
    """The condition's name; docs/conditions.md lists them."""
    status: Status
    """True, False or Unknown."""
    reason: Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}$", max_length=64)]
    """Why, in one word; docs/conditions.md lists them."""
    message: Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS)] = ""
    """Numbers, limit, window and sample size."""
    observed_generation: Count = 0
    """The generation of the spec that was judged."""
    last_transition_time: datetime
    """When the status last changed."""

    @classmethod
    def of(cls, condition: Condition) -> Self:
        """The condition as it was set; its transition time must be.

        Raises:
            pydantic.ValidationError: it never went through `set_condition`.
        """
        return cls.model_validate(msgspec.structs.asdict(condition))

    def to_condition(self) -> Condition:
        """The value that `set_condition` takes."""
        return Condition(**{name: getattr(self, name) for name in Condition.__struct_fields__})


class MonitorStatus(StatusModel):
    """What was found; written by the operator alone."""

    observed_generation: Count = 0
    """The generation of the spec that all this is about."""
    conditions: Annotated[tuple[StatusCondition, ...], Field(max_length=32), by_name("type")] = ()
    """What is healthy, what is not, since when and why."""
    engine: EngineStatus | None = None
    """The model server that was found."""
    pods: PodsStatus | None = None
    """The matching pods."""
    window: WindowStatus | None = None
    """The time and traffic that the figures are of."""
    performance: PerformanceStatus | None = None
    """Speed, load and failures."""
    objectives: Annotated[tuple[ObjectiveStatus, ...], Field(max_length=20), by_name("name")] = ()
    """Each objective and its error budget."""
    resources: ResourcesStatus | None = None
    """What the pods use."""
    engine_counts: EngineCountsStatus | None = None
    """What the engines count themselves, and whether the wire says the same."""
    drift: Annotated[tuple[DriftStatus, ...], Field(max_length=11), by_name("feature")] = ()
    """Each feature against its baseline."""
    requests: RequestsStatus | None = None
    """Requests by the owner's checks."""
    interactions: Annotated[tuple[InteractionStatus, ...], Field(max_length=32), by_name("kind")] = ()
    """Each kind of problematic interaction."""
    quality: QualityStatus | None = None
    """Probes, suites and outcomes."""
    versions: Annotated[tuple[VersionStatus, ...], Field(max_length=10), by_name("name")] = ()
    """The latest ten versions of the model."""
    cost: CostStatus | None = None
    """What it costs."""
    reviewers: ReviewersStatus | None = None
    """What people judged."""
    audit: AuditStatus | None = None
    """Where it stands who did what."""

    @classmethod
    def load(cls, mapping: object) -> Self:
        """The status that an API object carries, ignoring fields this version does not know.

        Raises:
            pydantic.ValidationError: a known field has a value this version cannot read.
        """
        return cls.model_validate(mapping or {})

    def with_conditions(self, conditions: Iterable[Condition]) -> Self:
        """The same figures with these conditions."""
        return self.model_copy(update={"conditions": tuple(map(StatusCondition.of, conditions))})

    def to_api(self) -> dict[str, object]:
        """As the API server takes it: camelCase, nothing that is not known, no empty lists or objects."""
        dumped: dict[str, object] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return _without_empty(dumped)


def _without_empty(value: dict[str, object]) -> dict[str, object]:
    kept = {key: _with_nothing_empty(one) for key, one in value.items()}
    return {key: one for key, one in kept.items() if one not in ([], {})}


def _with_nothing_empty(value: object) -> object:
    if isinstance(value, list):
        return [_with_nothing_empty(one) for one in value]
    return _without_empty(value) if isinstance(value, dict) else value
