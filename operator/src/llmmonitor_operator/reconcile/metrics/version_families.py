"""The metric families of versions: what runs where, what each has answered, how often the model changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric

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
    yield counter(
        "model_changes",
        "Versions of the model that began to run where another ran before.",
        (),
        ((key, history.changes) for key, history in histories.items()),
    )
