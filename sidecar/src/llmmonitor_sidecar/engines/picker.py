"""Picks figures from an engine's samples by their newest names, and says which are not there.

Engines rename metrics; a name that is gone is looked for under the names that it had before. Some engines
have a counter only once it has counted something: what may be absent for that is asked for as `optional`.
"""

from __future__ import annotations

import math

from llmmonitor_api.report.engine_counts import BOUNDS_LIMIT, EngineHistogram
from llmmonitor_sidecar.engines.figures import HISTOGRAM_SUFFIXES, Renamed, as_share
from llmmonitor_sidecar.engines.samples import Samples

_NANO = 1e9
_LARGEST_NANO = 2**63 - 1


def with_older(names: tuple[str, ...], renamed: tuple[Renamed, ...]) -> frozenset[str]:
    """These names and all they were called before."""
    older = (one.older(name) for one in renamed for name in names)
    return frozenset((*names, *(name for name in older if name)))


def of_histogram(*names: str) -> tuple[str, ...]:
    """The samples of these histograms."""
    return tuple(name + suffix for name in names for suffix in HISTOGRAM_SUFFIXES)


class Picker:
    """Picks, and keeps what was not there."""

    def __init__(self, samples: Samples, renamed: tuple[Renamed, ...] = ()) -> None:
        self._samples = samples
        self._renamed = renamed
        self._missing: list[str] = []

    @property
    def missing(self) -> tuple[str, ...]:
        """The newest name of each figure that was asked for and is not there."""
        return tuple(self._missing)

    def total(self, name: str, *, optional: bool = False) -> int | None:
        """The sum over label sets (an engine may have several cores), or None."""
        found = self._found(name, optional=optional)
        return None if found is None else round(self._samples.total(found))

    def largest_share(self, name: str, *, optional: bool = False) -> float | None:
        """The largest over label sets, 0 to 1: one full cache is not helped by an empty one.

        What is no share at all is missing, optional or not.
        """
        found = self._found(name, optional=optional)
        if found is None:
            return None
        share = as_share(self._samples.largest(found))
        if share is None:
            self._missing.append(name)
        return share

    def by_label(self, name: str, label: str, *, optional: bool = False) -> dict[str, int] | None:
        """The sums by one label, or None."""
        found = self._found(name, optional=optional)
        return None if found is None else {k: round(v) for k, v in self._samples.by(found, label).items()}

    def histogram(self, name: str, *, optional: bool = False) -> EngineHistogram | None:
        """A histogram of seconds, summed over label sets; None if it is not there, or has too many bounds."""
        found = self._found(f"{name}_bucket", optional=True)
        if found is None:
            if not optional:
                self._missing.append(name)
            return None
        return _histogram(self._samples, found.removesuffix("_bucket"))

    def _found(self, name: str, *, optional: bool) -> str | None:
        if name in self._samples:
            return name
        for one in self._renamed:
            older = one.older(name)
            if older is not None and older in self._samples:
                return older
        if not optional:
            self._missing.append(name)
        return None


def _histogram(samples: Samples, name: str) -> EngineHistogram | None:
    """Buckets are cumulative within one label set: each set's are taken apart before they are added."""
    sets: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for labels, value in samples.values[f"{name}_bucket"]:
        bound = _bound(labels.get("le", ""))
        if bound is None:
            return None
        key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        sets.setdefault(key, []).append((bound, round(value)))
    buckets: dict[int, int] = {}
    overflow = 0
    for cumulative in sets.values():
        seen = 0
        for bound, until in sorted(cumulative):
            inside, seen = max(0, until - seen), max(seen, until)
            if math.isinf(bound):
                overflow += inside
            else:
                nano = round(bound * _NANO)
                buckets[nano] = buckets.get(nano, 0) + inside
    if len(buckets) > BOUNDS_LIMIT:
        return None
    total = samples.total(f"{name}_sum") if f"{name}_sum" in samples else 0.0
    return EngineHistogram(
        sum_nano=round(total * _NANO),
        buckets={bound: count for bound, count in buckets.items() if count},
        overflow=overflow,
    )


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    fits = math.isinf(bound) or bound * _NANO <= _LARGEST_NANO
    return bound if bound >= 0 and fits else None
