"""How drift is commonly judged: each window against the whole baseline, by fixed thresholds.

PSI above 0.1 over ten quantile bins (the rule of thumb of credit scoring: Siddiqi, Credit Risk Scorecards,
2006); the two-sample Kolmogorov-Smirnov test at p < .05 and the Wasserstein distance above 0.1 standard
deviations, as Evidently 0.4 takes them by default for numbers in small and in large references. The stream
has buckets, so tests are of the buckets' middles: ties make KS alarm less often than on raw counts of
tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

Judge = Callable[[Mapping[int, int], Mapping[int, int]], bool]
"""Whether a window's counts alarm beside the baseline's."""
_PSI, _P, _DISTANCE = 0.1, 0.05, 0.1
_BINS = 10


def psi_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """PSI > 0.1 over quantile bins of the baseline."""
    bins = _bins(baseline)
    n, m = sum(window.values()), sum(baseline.values())
    shares: dict[int, list[float]] = {}
    for buckets, total, place in ((window, n, 0), (baseline, m, 1)):
        for bucket, count in buckets.items():
            at = sum(bucket > edge for edge in bins)
            shares.setdefault(at, [0.0, 0.0])[place] += count / total
    floor = 1e-4
    terms = ((max(p, floor), max(q, floor)) for p, q in shares.values())
    return sum((p - q) * math.log(p / q) for p, q in terms) > _PSI


def ks_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """Two-sample Kolmogorov-Smirnov, p < .05 by the limiting distribution (Smirnov 1948)."""
    n, m = sum(window.values()), sum(baseline.values())
    below, largest = 0.0, 0.0
    for bucket in sorted(window.keys() | baseline.keys()):
        below += window.get(bucket, 0) / n - baseline.get(bucket, 0) / m
        largest = max(largest, abs(below))
    root = math.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * largest
    p = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101)) if x > 0.2 else 1.0
    return p < _P


def wasserstein_alarms(window: Mapping[int, int], baseline: Mapping[int, int]) -> bool:
    """Earth mover's distance of values, above a tenth of the baseline's standard deviation."""
    n, m = sum(window.values()), sum(baseline.values())
    mean = sum(_middle(bucket) * count for bucket, count in baseline.items()) / m
    deviation = math.sqrt(
        sum((_middle(bucket) - mean) ** 2 * count for bucket, count in baseline.items()) / m
    )
    ordered = sorted(window.keys() | baseline.keys())
    below, distance = 0.0, 0.0
    for bucket, following in pairwise(ordered):
        below += window.get(bucket, 0) / n - baseline.get(bucket, 0) / m
        distance += abs(below) * (_middle(following) - _middle(bucket))
    return distance > _DISTANCE * max(deviation, 1e-9)


PROCEDURES: Mapping[str, Judge] = {
    "PSI > 0.1": psi_alarms,
    "KS p < .05": ks_alarms,
    "Wasserstein > 0.1 sd": wasserstein_alarms,
}


def _bins(baseline: Mapping[int, int]) -> list[int]:
    """Upper edges of bins that hold a tenth each, as nearly as buckets let them."""
    total, seen = sum(baseline.values()), 0
    edges: list[int] = []
    for bucket in sorted(baseline):
        seen += baseline[bucket]
        if seen >= total * (len(edges) + 1) / _BINS:
            edges.append(bucket)
    return edges[:-1]


def _middle(bucket: int) -> float:
    return 0.0 if bucket <= 0 else 2.0 ** ((bucket - 0.5) / 2)
