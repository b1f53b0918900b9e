"""How often the sidecar looks and tells: `spec.sampling`."""

from datetime import timedelta
from typing import Annotated, ClassVar

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.model import Rule, SpecModel


class Sampling(SpecModel):
    """How often the sidecar samples and is asked for its report."""

    report_interval: Annotated[Duration, within(timedelta(seconds=5), timedelta(minutes=5))] = timedelta(
        seconds=15
    )
    """How often each sidecar's report is fetched; from 5s to 5m. Three missed ones make it stale."""
    resource_interval: Annotated[Duration, within(timedelta(seconds=1), timedelta(minutes=1))] = timedelta(
        seconds=1
    )
    """How often CPU, memory and GPU are sampled; from 1s to 1m."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="resource_interval",
            reads=("report_interval", "resource_interval"),
            message="resourceInterval must not exceed reportInterval, or reports would carry no sample",
            holds=lambda one: one.resource_interval <= one.report_interval,
            cel="self.reportInterval.endsWith('d') || self.resourceInterval.endsWith('d') || "
            "duration(self.resourceInterval) <= duration(self.reportInterval)",
        ),
    )
