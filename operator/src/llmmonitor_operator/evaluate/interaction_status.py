"""`status.interactions`: what was found within the window, of every kind that was found or has a limit."""

from __future__ import annotations

from collections.abc import Mapping

from llmmonitor_api.interactions.kinds import BY_NAME
from llmmonitor_api.status import Estimate, InteractionStatus
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.interactions import Standing, standings
from llmmonitor_operator.interaction_counts import (
    COMPLIED,
    EXCHANGES,
    FLAGGED,
    LOOKED_AT,
    flagged_key,
    looked_for,
    with_prefix,
)
from llmmonitor_operator.windows import Count

FEWEST_CLIENTS = 10
"""Fewer are not told: a cell of a few people says who they are."""
_LIMIT = 32


def interactions(inputs: Inputs, figures: Mapping[str, int]) -> tuple[InteractionStatus, ...]:
    """Kinds with a limit first, then those that were found.

    Args:
        inputs: what is judged by.
        figures: `Figures.interactions` of the window, which reach back a day at most.
    """
    if not figures.get(EXCHANGES):
        return ()
    limits = {one.limit.kind: one for one in standings(inputs)}
    found = [name for name, _ in with_prefix(figures, FLAGGED) if name not in limits]
    return tuple(_one(inputs, figures, kind, limits.get(kind)) for kind in [*limits, *found][:_LIMIT])


def _one(
    inputs: Inputs, figures: Mapping[str, int], kind: str, standing: Standing | None
) -> InteractionStatus:
    count = _counted(inputs, figures, kind, standing)
    attempt = kind in BY_NAME and BY_NAME[kind].attempt
    clients = sum(
        source.interactions.clients.with_findings.get(kind, 0)
        for _, source in inputs.fresh
        if source.interactions is not None
    )
    exchanges = figures[EXCHANGES]
    return InteractionStatus(
        kind=kind,
        findings=count.bad,
        complied=figures.get(COMPLIED + kind, 0) if attempt else None,
        clients=clients if clients >= FEWEST_CLIENTS else None,
        flagged_rate=_estimate(count),
        limit=standing.limit.text if standing is not None else None,
        sampled_share=min(1.0, figures.get(LOOKED_AT, 0) / exchanges),
        holds=None if standing is None or standing.not_judged else not standing.exceeded,
    )


def _counted(inputs: Inputs, figures: Mapping[str, int], kind: str, standing: Standing | None) -> Count:
    if standing is not None:
        return inputs.state.count(flagged_key(kind), inputs.settings.interactions.window_seconds)
    flagged = figures.get(FLAGGED + kind, 0)
    return Count(max(0, looked_for(figures, kind) - flagged), flagged)


def _estimate(count: Count) -> Estimate | None:
    if not count.total:
        return None
    low, high = wording.wilson_interval(count.bad, count.total)
    return Estimate(value=count.bad / count.total, low=low, high=high, count=count.total)
