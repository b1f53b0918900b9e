"""The metric families of engines: what they count themselves, over their restarts, and beside the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_api.report.engine_counts import Compared, EngineCounts, Pair
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.metrics.shapes import Family, Sample, by_value


def engine_families(figures: Mapping[Key, Figures], counter: Family) -> Iterator[Metric]:
    """All of them; those without samples too."""
    yield from _counted({key: one.engine for key, one in figures.items()}, counter)
    yield from _compared({key: one.compared for key, one in figures.items()}, counter)


def _counted(counts: Mapping[Key, EngineCounts], counter: Family) -> Iterator[Metric]:
    for name, text, attribute in (
        ("engine_restarts", "Engines whose counters began anew.", "restarts"),
        ("engine_prompt_tokens", "Prompt tokens, as the engines count.", "prompt_tokens"),
        ("engine_generation_tokens", "Generated tokens, as the engines count.", "generation_tokens"),
        ("engine_preemptions", "Requests put back for want of cache.", "preemptions"),
    ):
        yield counter(name, text, (), ((key, getattr(one, attribute)) for key, one in counts.items()))
    yield counter(
        "engine_requests_finished",
        "Requests by why they ended, as the engines count.",
        ("reason",),
        by_value({key: one.finished_requests for key, one in counts.items()}),
    )


def _compared(counts: Mapping[Key, Compared], counter: Family) -> Iterator[Metric]:
    """The same things by both who count them, over the same time."""
    yield counter(
        "compared_requests",
        "Requests that ended while engine and wire could be compared, by who counted them.",
        ("counted_by",),
        _sides({key: one.requests for key, one in counts.items()}),
    )
    yield counter(
        "compared_tokens",
        "Tokens by who counted them, where both could be compared.",
        ("gen_ai_token_type", "counted_by"),
        (
            *_sides({key: one.prompt_tokens for key, one in counts.items()}, "input"),
            *_sides({key: one.generation_tokens for key, one in counts.items()}, "output"),
        ),
    )
    yield counter(
        "compared_uncounted_requests",
        "Requests whose tokens were not compared: too many of them came without an exact count.",
        (),
        ((key, one.uncounted_requests) for key, one in counts.items()),
    )
    yield counter(
        "compared_first_tokens",
        "First tokens by who saw them, where both could be compared.",
        ("counted_by",),
        _sides({key: one.first_tokens for key, one in counts.items()}),
    )
    yield counter(
        "compared_first_token_seconds",
        "Sum of the times to these first tokens.",
        ("counted_by",),
        (
            (labels, nanoseconds * 1e-9)
            for labels, nanoseconds in _sides({k: one.first_token_nanoseconds for k, one in counts.items()})
        ),
    )


def _sides(pairs: Mapping[Key, Pair], *labels: str) -> Iterator[Sample]:
    """A pair of nothing is one that these engines do not count, or that nothing has come for yet."""
    for key, pair in pairs.items():
        if pair != Pair():
            yield (*key, *labels, "engine"), pair.engine
            yield (*key, *labels, "wire"), pair.wire
