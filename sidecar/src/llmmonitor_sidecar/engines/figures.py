"""The figures that engines have in common, and what is known of each kind of engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmmonitor_api.report.engine_counts import EngineHistogram
from llmmonitor_sidecar.engines import samples
from llmmonitor_sidecar.engines.samples import Samples

HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")
_LARGEST_SHARE = 1.1
"""Engines round, and count what they are about to evict."""
UNSAID = "unknown"
"""The finish reason where an engine counts requests and does not say why they ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """As in `report.Engine`, whose docstrings hold; None where the engine does not say."""

    running: int | None = None
    waiting: int | None = None
    kv_cache_use: float | None = None
    preemptions: int | None = None
    prefix_cache_hit_rate: float | None = None
    prompt_tokens: int | None = None
    prompt_tokens_whole: bool = True
    """Whether tokens from its cache are among them, as they are in what clients are told."""
    generation_tokens: int | None = None
    finished_requests: dict[str, int] | None = None
    time_to_first_token: EngineHistogram | None = None
    time_per_output_token: EngineHistogram | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Renamed:
    """A metric that has another name in newer versions."""

    new: str
    old: str
    since: str
    """The first version with the new name, as far as its source tells."""

    def older(self, name: str) -> str | None:
        """What the sample `name` was called before: of this metric, or, if `new` ends in `:`, of all."""
        rest = name.removeprefix(self.new)
        if rest == name or not (self.new.endswith(":") or rest in ("", *HISTOGRAM_SUFFIXES)):
            return None
        return self.old + rest


@dataclass(frozen=True, slots=True)
class Told:
    """A path whose JSON tells an engine: an object that has this field, with this value if one is given."""

    path: str
    field: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One engine: how it is recognised and how its figures are read."""

    name: str
    """As in `spec.target.engine`."""
    prefixes: tuple[str, ...] = ()
    """What the names of its metrics begin with."""
    owned_by: str = ""
    """What it says in `/v1/models`."""
    told_by: Told | None = None
    """What tells it where neither metrics nor `/v1/models` do."""
    version_path: str = ""
    version_field: str = ""
    """Where it tells its version: a path, and the field of the JSON that comes."""
    sources: tuple[str, ...] = ("/metrics",)
    """Where its figures are: a path, or `:PORT/path` on another port; the first that has them counts."""
    metrics: frozenset[str] = frozenset()
    """Every sample that `read` looks at, older names too."""
    renamed: tuple[Renamed, ...] = ()
    read: Callable[[Samples], Figures] | None = None
    read_json: Callable[[bytes], Figures | None] | None = None
    """For an engine that answers JSON: the figures, or None if this is not its answer."""
    facts: str = ""
    """Versions and sources of what stands here."""
    remarks: str = ""
    """What is not said or means something else, for people."""

    @property
    def has_figures(self) -> bool:
        """Whether anything can be read from it."""
        return self.read is not None or self.read_json is not None

    def figures(self, body: bytes) -> Figures:
        """What one of its `sources` answered, as figures.

        Raises:
            UnreadableExposition: if it is not what this engine answers.
        """
        if self.read_json is not None:
            found = self.read_json(body)
            if found is not None:
                return found
        if self.read is None:
            raise samples.UnreadableExposition(f"no answer of {self.name}: {body[:120]!r}")
        return self.read(samples.read(body.decode(errors="replace"), self.metrics))


def as_share(value: float) -> float | None:
    """`value` as a share; None if it is none: a version that counts in percent must not look full."""
    return min(1.0, value) if value <= _LARGEST_SHARE else None


def share(part: int | None, whole: int | None) -> float | None:
    """`part` of `whole`; None if either is unknown or nothing was counted yet."""
    if part is None or not whole:
        return None
    return min(1.0, part / whole)
