"""A report at a glance: what is so right now, and of what adds the little that can be bad news.

Two thirds of a report are histograms, and reading them takes most of its time. Who looks only whether all
goes on as it was leaves them unread; what is wrong in them is found by whoever reads the whole. Hundreds are
read a second, and none can be part of a cycle: `gc=False`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmonitor_api.report import histogram
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.interactions import InteractionCounts, InteractionsState
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import (
    VERSION,
    Engine,
    Identity,
    InterceptionState,
    Live,
    Resources,
    read,
)
from llmmonitor_api.report.totals import OBJECTIVES_LIMIT, InterceptionCounts
from llmmonitor_api.report.values import Count, Key, Name


class GlancedObjective(msgspec.Struct, frozen=True, gc=False):
    """Of `totals.ObjectiveCounts`, without what its key says too."""

    good: Count = 0
    bad: Count = 0


class GlancedTotals(msgspec.Struct, frozen=True, gc=False):
    """Of `totals.Totals`."""

    begun: Count = 0
    objectives: Annotated[dict[Key, GlancedObjective], msgspec.Meta(max_length=OBJECTIVES_LIMIT)] = {}
    interception: InterceptionCounts = msgspec.field(default_factory=InterceptionCounts)
    interactions: InteractionCounts = InteractionCounts()


class Glance(msgspec.Struct, frozen=True, gc=False):
    """Of `report.Report`: each field as it is there."""

    identity: Identity
    totals: GlancedTotals
    live: Live
    interception: InterceptionState
    resources: Resources | None = None
    engine: Engine | None = None
    gpus: GPUs | None = None
    system_fingerprint: Name = ""
    interactions: InteractionsState | None = None
    probing: Probing | None = None
    since: Count | None = None
    version: int = VERSION
    histogram_layout: int = histogram.LAYOUT


_DECODER = msgspec.json.Decoder(Glance)


def glance(data: bytes) -> Glance:
    """A report from JSON, as far as it is looked at.

    Raises:
        UnreadableReport: if it is too large, of another version or layout, or not a report as far as that.
    """
    return read(data, _DECODER)
