"""What the engines count within the window, for the status; figures that they do not give are absent."""

from __future__ import annotations

from llmmonitor_api.report.engine_counts import EngineHistogram
from llmmonitor_api.status.engine_counts import EngineCountsStatus
from llmmonitor_api.status.model import SENTENCE_LIMIT
from llmmonitor_operator.engine_figures import NO_ENGINE
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.crosscheck import cross_checks
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.figures import Figures


def engine_counts(inputs: Inputs, figures: Figures) -> EngineCountsStatus | None:
    """Of a window's figures; None where the engines count nothing and nothing can be compared."""
    checks = cross_checks(inputs, figures)
    counts = figures.engine
    engines = [source.engine for _, source in inputs.fresh if source.engine]
    silent = [
        f"{name}: {source.engine.error}"
        for name, source in inputs.fresh
        if source.engine and source.engine.error
    ]
    if counts == NO_ENGINE and not checks and not silent:
        return None

    def said(name: str, value: int) -> int | None:
        return value if value or any(getattr(one, name) is not None for one in engines) else None

    return EngineCountsStatus(
        restarts=counts.restarts,
        prompt_tokens=said("prompt_tokens", counts.prompt_tokens),
        completion_tokens=said("generation_tokens", counts.generation_tokens),
        requests=said("finished_requests", sum(counts.finished_requests.values())),
        preemptions=said("preemptions", counts.preemptions),
        time_to_first_token_mean_seconds=_mean(counts.time_to_first_token),
        time_per_output_token_mean_seconds=_mean(counts.time_per_output_token),
        not_read=wording.listed(silent)[:SENTENCE_LIMIT] if silent else None,
        cross_checks=checks,
    )


def _mean(histogram: EngineHistogram) -> float | None:
    return histogram.sum / histogram.count if histogram.count else None
