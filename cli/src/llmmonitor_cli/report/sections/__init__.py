"""The sections of a report, in the order in which they are read: one file each, a row here.

A section is a function of what is known and the period. It says what is so, shows figures with their
intervals and sample sizes, and says what it lacks; it is left out of no report for want of data.
"""

from collections.abc import Callable
from typing import Final

from llmmonitor_cli.report.document import Section
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.sections import (
    anomalies,
    bias,
    conditions,
    cost,
    coverage,
    drift,
    engine,
    interactions,
    model,
    objectives,
    outcomes,
    performance,
    privacy,
    quality,
    requests,
    resources,
    review,
    versions,
)

SECTIONS: Final[tuple[Callable[[Material, Period], Section], ...]] = (
    performance.section,
    objectives.section,
    anomalies.section,
    resources.section,
    engine.section,
    requests.section,
    drift.section,
    interactions.section,
    review.section,
    quality.section,
    outcomes.section,
    bias.section,
    model.section,
    versions.section,
    cost.section,
    conditions.section,
    privacy.section,
    coverage.section,
)
