"""What the engine counted beside what was counted on the wire, and its own times by its own bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.utils import floatToGoString

from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_sidecar.endpoints.metrics.shapes import Labels, counter, one

_ENGINE, _COMPARED = "llm_monitor_engine", "llm_monitor_compared"
_NANO = 1e-9


def families(counts: EngineCounts, compared: Compared) -> Iterator[Metric]:
    """Every family about what adds up of the engine."""
    yield counter(
        f"{_ENGINE}_restarts",
        "Times that the engine's counters began anew since this sidecar began.",
        one(counts.restarts),
    )
    yield _own(
        f"{_ENGINE}_time_to_first_token",
        "Time to first token as the engine measures it, by its own bounds.",
        counts.time_to_first_token,
    )
    yield _own(
        f"{_ENGINE}_time_per_output_token",
        "Time between tokens as the engine measures it, by its own bounds.",
        counts.time_per_output_token,
    )
    yield counter(
        f"{_COMPARED}_requests",
        "Requests that ended while engine and wire could be compared, by who counted them.",
        _sides((({}, compared.requests),)),
    )
    yield counter(
        f"{_COMPARED}_tokens",
        "Tokens by who counted them, where both could be compared.",
        _sides(
            (
                ({"gen_ai_token_type": "input"}, compared.prompt_tokens),
                ({"gen_ai_token_type": "output"}, compared.generation_tokens),
            )
        ),
    )
    yield counter(
        f"{_COMPARED}_uncounted_requests",
        "Requests whose tokens were not compared: too many of them came without an exact count.",
        one(compared.uncounted_requests),
    )
    yield counter(
        f"{_COMPARED}_first_tokens",
        "First tokens by who saw them, where both could be compared.",
        _sides((({}, compared.first_tokens),)),
    )
    yield counter(
        f"{_COMPARED}_first_token_seconds",
        "Sum of the times to these first tokens.",
        (
            (labels, nanoseconds * _NANO)
            for labels, nanoseconds in _sides((({}, compared.first_token_nanoseconds),))
        ),
        "seconds",
    )


def _sides(pairs: Iterable[tuple[Labels, Pair]]) -> Iterator[tuple[Labels, float]]:
    """A pair of nothing is one that this engine does not count, or that nothing has come for yet."""
    for labels, pair in pairs:
        if pair == Pair():
            continue
        yield {**labels, "counted_by": "engine"}, pair.engine
        yield {**labels, "counted_by": "wire"}, pair.wire


def _own(name: str, text: str, values: EngineHistogram) -> Metric:
    family = Metric(f"{name}_seconds", text, "histogram", "seconds")
    if not values.count:
        return family
    seen = 0
    for bound in sorted(values.buckets):
        seen += values.buckets[bound]
        spelled = floatToGoString(bound * _NANO)  # type: ignore[no-untyped-call]  # prometheus-client's
        family.add_sample(f"{name}_seconds_bucket", {"le": spelled}, seen)
    family.add_sample(f"{name}_seconds_bucket", {"le": "+Inf"}, values.count)
    family.add_sample(f"{name}_seconds_count", {}, values.count)
    family.add_sample(f"{name}_seconds_sum", {}, values.sum)
    return family
