"""The metric family of objectives: good and bad events, by what tells one definition from another.

A label of an objective for some requests is the list as written, comma between; it is empty where all count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family
from llmmonitor_operator.settings import ObjectiveSettings
from llmmonitor_operator.windows import Count

LABELS = ("objective", "signal", "threshold", "models", "operations", "result")
_UNFILTERED = 3
"""Parts of the key of an objective that all requests count for: its first three labels."""


def objective_events(
    counts: Mapping[Key, Mapping[str, Count]],
    settings: Mapping[Key, Iterable[ObjectiveSettings]],
    counter: Family,
) -> Metric:
    """By monitor: its objectives' counts by key, and the objectives of its spec."""
    return counter(
        "objective_events",
        "Events that an objective judged, by result.",
        LABELS,
        (
            ((*monitor, *labels, result), events)
            for monitor, of_monitor in counts.items()
            for labels, count in _labelled(of_monitor, settings.get(monitor, ()))
            for result, events in (("good", count.good), ("bad", count.bad))
        ),
    )


def _labelled(
    counts: Mapping[str, Count], settings: Iterable[ObjectiveSettings]
) -> Iterator[tuple[tuple[str, ...], Count]]:
    scopes = {one.key: (",".join(one.models), ",".join(one.operations)) for one in settings if one.filtered}
    for key, count in counts.items():
        parts = json.loads(key)
        scope = ("", "") if len(parts) == _UNFILTERED else scopes.get(key)
        if scope is not None:  # else no spec is in force any more, and nobody knows what it was for
            yield (*parts[:_UNFILTERED], *scope), count
