"""What is being monitored: the engine found, the pods, and the window that figures speak of."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from llmmonitor_api.spec.listmap import by_name
from llmmonitor_api.status.model import Count, Label, Ratio, Sentence, StatusModel
from llmmonitor_api.status.restart import RestartStatus


class EngineStatus(StatusModel):
    """The model server that was found."""

    name: Label = ""
    """The engine's kind, as spec.target.engine names it."""
    version: Label = ""
    """The engine's version."""
    model: Label = ""
    """The model's name as served."""
    detected_by: Sentence = ""
    """What it was recognised by."""
    missing: Annotated[tuple[Label, ...], Field(max_length=10)] = ()
    """Metrics that this engine is known to have and does not give: renamed, gone or switched off."""


class UnmonitoredPod(StatusModel):
    """A matching pod without a working sidecar."""

    name: Label
    """The pod's name."""
    reason: Label
    """A reason of the condition Injected or Reporting."""
    message: Sentence | None = None
    """Why it cannot be restarted, where that is the reason; the condition has the words to the others."""


class PodsStatus(StatusModel):
    """The matching pods, counted."""

    matched: Count = 0
    """Pods that the selector matches."""
    injected: Count = 0
    """Pods whose sidecar came with them."""
    attached: Count = 0
    """Pods whose sidecar was added while they ran."""
    reporting: Count = 0
    """Pods whose report is fresh."""
    outdated: Count = 0
    """Pods whose sidecar is older than the operator wants."""
    predating: Count = 0
    """Pods that came before the monitor and have no working sidecar yet."""
    restart: RestartStatus | None = None
    """Progress of `existingPods: Restart`; absent while there was nothing to replace."""
    summary: Label = "0/0"
    """Reporting and matched, for the printer column."""
    not_monitored: Annotated[tuple[UnmonitoredPod, ...], Field(max_length=10), by_name("name")] = ()
    """The first ten pods without a working sidecar, and why."""


class WindowStatus(StatusModel):
    """The time and the traffic that the figures are of."""

    start: datetime | None = None
    """When it begins."""
    end: datetime | None = None
    """When it ends."""
    requests: Count = 0
    """Requests in it."""
    exact_token_share: Ratio | None = None
    """The share of requests whose tokens are exact; the rest are lower bounds."""
    coverage: Ratio | None = None
    """The share of connections that was read."""
    begun_anew: Sentence | None = None
    """Since when and why longer windows hold less than all of their time: a checkpoint could not be read."""
