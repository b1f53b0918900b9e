"""The figures that engines have in common, and how they are picked from an engine's own metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_sidecar.engines.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """As in `report.Engine`, whose docstrings hold; None where the engine does not say."""

    running: int | None = None
    waiting: int | None = None
    kv_cache_use: float | None = None
    preemptions: int | None = None
    prefix_cache_hit_rate: float | None = None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    finished_requests: dict[str, int] | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One engine: how it is recognised and, where its metrics are known, how they are read."""

    name: str
    """As in `spec.target.engine`."""
    prefixes: tuple[str, ...] = ()
    """What the names of its metrics begin with."""
    owned_by: str = ""
    """What it says in `/v1/models`."""
    version_path: str = ""
    version_field: str = ""
    """Where it tells its version: a path, and the field of the JSON that comes."""
    metrics: frozenset[str] = frozenset()
    """Every metric that `read` looks at."""
    read: Callable[[Samples], Figures] | None = None


class Picker:
    """Takes the first of several names that is there (engines rename), and keeps what was not there."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._missing: list[str] = []

    @property
    def missing(self) -> tuple[str, ...]:
        """The newest name of each figure that was asked for and is not there."""
        return tuple(self._missing)

    def total(self, *names: str, optional: bool = False) -> int | None:
        """The sum over label sets (an engine may have several cores), or None."""
        name = self._first(names, optional=optional)
        return None if name is None else round(self._samples.total(name))

    def largest_share(self, *names: str, optional: bool = False) -> float | None:
        """The largest over label sets, kept in 0 to 1: one full cache is not helped by an empty one."""
        name = self._first(names, optional=optional)
        return None if name is None else min(1.0, self._samples.largest(name))

    def by_label(self, name: str, label: str) -> dict[str, int] | None:
        """The sums by one label, or None."""
        found = self._first((name,), optional=False)
        return None if found is None else {k: round(v) for k, v in self._samples.by(name, label).items()}

    def _first(self, names: tuple[str, ...], *, optional: bool) -> str | None:
        for name in names:
            if name in self._samples:
                return name
        if not optional:
            self._missing.append(names[0])
        return None


def share(part: int | None, whole: int | None) -> float | None:
    """`part` of `whole`; None if either is unknown or nothing was counted yet."""
    if part is None or not whole:
        return None
    return min(1.0, part / whole)
