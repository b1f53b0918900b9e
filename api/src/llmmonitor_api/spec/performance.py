"""How fast and how reliably the model must answer: `spec.performance`."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import by_name, unique
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.objectives import DEFAULT_OBJECTIVES, Objective, ObjectiveSource


class Performance(SpecModel):
    """Objectives, and when the model counts as hung."""

    objectives: Annotated[tuple[Objective, ...], Field(max_length=20), by_name("name")] = ()
    """At most 20. With none, two defaults hold: 99% without error, and 95% with a first token within 2s,
    each over 1d."""
    stall_after: Annotated[Duration, within(timedelta(seconds=1), timedelta(hours=1))] = timedelta(seconds=30)
    """Requests in flight and no token for this long mean that the model hangs; from 1s to 1h."""

    rules: ClassVar[tuple[Rule, ...]] = (unique("objectives", "name"),)

    @property
    def effective_objectives(self) -> tuple[tuple[Objective, ObjectiveSource], ...]:
        """The objectives that are judged, each with who set it."""
        if self.objectives:
            return tuple((objective, ObjectiveSource.SPEC) for objective in self.objectives)
        return tuple((objective, ObjectiveSource.DEFAULT) for objective in DEFAULT_OBJECTIVES)
