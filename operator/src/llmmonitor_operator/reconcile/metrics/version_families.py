"""The metric families of versions: what runs where, what each has answered, how often the model changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from prometheus_client import Metric

from llmmonitor_api.report.live_outcomes import MEASURES
from llmmonitor_operator.versions.comparison import Comparison, bounds
from llmmonitor_operator.versions.history import History

Key = tuple[str, str]
Samples = Iterable[tuple[tuple[str, ...], float]]
Family = Callable[[str, str, tuple[str, ...], Samples], Metric]
"""Makes a family of name, text, labels beside the monitor's, and samples."""


def version_families(histories: Mapping[Key, History], gauge: Family, counter: Family) -> Iterator[Metric]:
    """All of them; those without samples too. By at most `versions.history.VERSIONS_LIMIT` versions."""
    yield gauge(
        "version_pods",
        "Pods that run this version of the model, by its name in `status.versions`.",
        ("version",),
        (
            ((*key, one.name), sum(name == one.name for name in history.running.values()))
            for key, history in histories.items()
            for one in history.versions
        ),
    )
    yield counter(
        "version_requests",
        "Requests that this version has answered or failed since it was first seen.",
        ("version",),
        (((*key, one.name), one.requests) for key, history in histories.items() for one in history.versions),
    )
    yield gauge(
        "version_difference",
        "Share of bad events on the newer version less that on the one beside it, by objective or outcome:"
        " the mean over pairs of clients, and both ends of its confidence sequence.",
        ("version", "beside", "objective", "bound"),
        (
            ((*key, known.newer, known.older, name, bound), value)
            for key, history in histories.items()
            if (known := history.comparison) is not None
            for measure, name in enumerate(_names(known))
            for bound, value in _bounds(known, measure)
        ),
    )
    yield counter(
        "model_changes",
        "Versions of the model that began to run where another ran before.",
        (),
        ((key, history.changes) for key, history in histories.items()),
    )


def _names(comparison: Comparison) -> Iterator[str]:
    """Of the objectives and outcomes; what a report calls a measure is an objective's key, or an outcome."""
    for number, key in enumerate(comparison.measures):
        if key in MEASURES:
            yield f"outcome:{key}"  # no objective's name has a colon
            continue
        try:
            yield str(msgspec.json.decode(key)[0])
        except (msgspec.MsgspecError, IndexError, KeyError, TypeError):
            yield f"unknown-{number}"


def _bounds(comparison: Comparison, measure: int) -> Iterator[tuple[str, float]]:
    evidence, low, high = bounds(comparison, measure)
    if evidence.n:
        yield from (("mean", evidence.mean), ("low", low), ("high", high))
