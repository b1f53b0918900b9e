"""How drift of categories is commonly judged: each window against the whole baseline, by fixed thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from llmmonitor_operator.distributions.gamma import log_upper_tail

Judge = Callable[[Mapping[int, int], Mapping[int, int]], bool]
"""Whether a window's counts alarm beside the baseline's."""


def psi_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """PSI > 0.1 (Siddiqi, Credit Risk Scorecards, 2006), shares of nothing taken for 1/10,000."""
    return sum((p - q) * math.log(p / q) for p, q in _shares(window, baseline, 1e-4)) > 0.1


def chi_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """Pearson's test at p < .05, as Evidently 0.4 takes it for categories in small references."""
    n = sum(window.values())
    found = [(p - q) ** 2 / q for p, q in _shares(window, baseline, 0.0) if q]
    return log_upper_tail(n * sum(found) / 2, max(1, len(found) - 1) / 2) < math.log(0.05)


def js_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """Jensen-Shannon distance > 0.1, as Evidently 0.4 takes it in large ones."""
    divergence = 0.0
    for p, q in _shares(window, baseline, 0.0):
        middle = (p + q) / 2
        divergence += sum(one * math.log2(one / middle) / 2 for one in (p, q) if one)
    return math.sqrt(max(0.0, divergence)) > 0.1


PEERS: dict[str, Judge] = {"PSI > 0.1": psi_alarms, "chi-squared p < .05": chi_alarms, "JS > 0.1": js_alarms}


def _shares(
    window: Mapping[int, int], baseline: Mapping[int, int], least: float
) -> list[tuple[float, float]]:
    n, m = sum(window.values()), sum(baseline.values())
    every = sorted(window.keys() | baseline.keys())
    return [(max(window.get(one, 0) / n, least), max(baseline.get(one, 0) / m, least)) for one in every]
