"""What the operator knows of one monitor between two passes: the baselines of its sources, and its windows.

`gather/absorb.py` adds reports, `evaluate/` reads it and keeps its own memory in it (what held, the
conditions), `checkpoint.py` makes it last. Values are never changed in place: every step gives a new State.
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.conditions import Condition
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.interactions import InteractionsState
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Engine, InterceptionState, Live, Resources
from llmmonitor_api.report.requests import RequestCounts
from llmmonitor_api.report.review import ReviewState
from llmmonitor_api.report.told import named
from llmmonitor_operator.anomalies.watch import Watch
from llmmonitor_operator.audit.kept import AuditKept
from llmmonitor_operator.condition_history import ConditionHistory
from llmmonitor_operator.cost.ledger import Ledger
from llmmonitor_operator.drift.watch import Watch as DriftWatch
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.oom_kills import OOMKill
from llmmonitor_operator.outcomes_kept import OutcomesKept
from llmmonitor_operator.packed_features import PackedFeatures
from llmmonitor_operator.packed_figures import PackedFigures, total_of
from llmmonitor_operator.quality_kept import QualityKept
from llmmonitor_operator.review_kept import ReviewKept
from llmmonitor_operator.versions.canaries import Canaries
from llmmonitor_operator.versions.history import History
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, FINEST, Count, tier_for, within


class Source(msgspec.Struct, frozen=True):
    """One life of one pod's sidecar: its last report, and the totals that the next is compared to."""

    pod_name: str
    boot_id: str
    started_at: float
    sequence: int
    at: float
    """When the last absorbed report was made, never after it was read."""
    configuration_generation: int
    packed: PackedFigures = msgspec.field(name="figures")
    objectives: dict[str, Count]
    live: Live
    interception: InterceptionState
    resources: Resources | None = None
    engine: Engine | None = None
    gpus: GPUs | None = None
    """Devices of the pod's own alone; others that its sidecar sees are counted in `beyond`."""
    system_fingerprint: str = ""
    clients: Clients | None = None
    """None but while versions are compared; in no checkpoint."""
    interactions: InteractionsState | None = None
    busy_nanoseconds: int = 0
    observed_nanoseconds: int = 0
    probing_nanoseconds: int = 0
    """As in `report.totals`; not among the figures, which nothing is added to without a request."""
    features: PackedFeatures | None = None
    """As in `report.totals`; None after a checkpoint, which has no room for them, and after differences: the
    next that are told whole begin there."""
    requests: RequestCounts | None = None
    """What of them breaks the owner's checks; how many is in `objectives`."""
    probing: Probing | None = None
    """Without its rounds and pairs, which are in `State.quality`."""
    review: ReviewState | None = None
    not_looked_for: tuple[str, ...] = ()
    """Kinds of interaction that its sidecar does not know: it is older than what finds them."""

    @property
    def name(self) -> str:
        """Of its last report, as its sidecar is told that it is known."""
        return named(self.boot_id, self.sequence)

    @property
    def figures(self) -> Figures:
        """All of them, unpacked."""
        return self.packed.unpacked()


class Pod(msgspec.Struct, frozen=True):
    """All that is known of one pod."""

    boots: tuple[Source, ...] = ()
    """By start, the newest last; at most `absorb.BOOTS_LIMIT`."""
    restarts: int = 0
    lost_seconds: float = 0.0
    """Between the last report of one life and the start of the next, over all lives."""
    oom_killed_at: float | None = None
    """When the kernel's count was last seen to grow,"""
    oom_killed: int = 1
    """and by how many."""
    refused_at: float | None = None
    refused: str = ""
    """Why the newest report was not taken; empty when it was."""

    @property
    def newest(self) -> Source | None:
        """The life that speaks for the pod now."""
        return self.boots[-1] if self.boots else None


class Held(msgspec.Struct, frozen=True):
    """The last verdict of a condition, as far as it must be remembered."""

    reason: str
    message: str
    judged_at: float
    """The time of the newest evidence it rests on."""
    failing_at: float | None = None
    """The time of the newest evidence by which it was False; None if it was not."""


def _count_tiers() -> tuple[dict[str, dict[int, Count]], ...]:
    return tuple({} for _ in COUNT_TIERS)


def _figure_tiers() -> tuple[dict[int, PackedFigures], ...]:
    return tuple({} for _ in FIGURE_TIERS)


class State(msgspec.Struct, frozen=True):
    """Everything; `State()` is a monitor of which nothing is known yet."""

    pods: dict[str, Pod] = {}
    """By pod UID."""
    counts: tuple[dict[str, dict[int, Count]], ...] = msgspec.field(default_factory=_count_tiers)
    """Per tier of COUNT_TIERS: objective key, then cell."""
    figures: tuple[dict[int, PackedFigures], ...] = msgspec.field(default_factory=_figure_tiers)
    """Per tier of FIGURE_TIERS: cell."""
    figures_from: tuple[float, ...] = ()
    """Per tier of FIGURE_TIERS: from when on its figures have no gap."""
    figures_since: dict[int, float] = {}
    """By cell of the finest of FIGURE_TIERS: since when its figures happened, be it longer than the cell."""
    newest_at: float | None = None
    """The newest report: windows end here, since nothing is known of later."""
    events_at: dict[str, float] = {}
    """When each objective last had an event."""
    limited_kinds: tuple[str, ...] = ()
    """Kinds of interaction that had a limit at the last evaluation: of the others no time is kept."""
    progress_at: float | None = None
    """When the model last completed an answer or began one."""
    forgotten_until: float | None = None
    """Sources forgotten for want of room or use were last heard of at most then."""
    begun_anew: str = ""
    """Why nothing is known of before `begun_anew_at`, though there was something: a checkpoint that could not
    be read; empty when none was lost."""
    begun_anew_at: float = 0.0
    held: dict[str, Held] = {}
    """By condition type."""
    conditions: tuple[Condition, ...] = ()
    oom_kills: tuple[OOMKill, ...] = ()
    """The newest, of pods that are gone too."""
    condition_history: ConditionHistory = ConditionHistory()
    """When each of them went which way."""
    cost: Ledger = Ledger()
    """What was spent, by the day."""
    anomalies: Watch = Watch()
    """What the detectors of anomalies know and remember; the history they learn from is kept apart."""
    drift: DriftWatch = DriftWatch()
    """The window that is being filled, and what the last ones said; the baseline is kept apart."""
    versions: History = History()
    """Which versions of the model ran, and which runs where."""
    canaries: Canaries = Canaries()
    """Which model each pod runs, as far as fixed prompts tell."""
    quality: QualityKept = QualityKept()
    """What probes found."""
    outcomes: OutcomesKept = OutcomesKept()
    """What people made of answers."""
    review: ReviewKept = ReviewKept()
    """What people judged."""
    audit: AuditKept = AuditKept()
    """How long the audit chain is, and what of the object is in it."""
    valid_spec: str = ""
    """The monitor's last valid spec, as JSON: it stays in force under a leader that finds an invalid one."""

    def count(self, key: str, seconds: float) -> Count:
        """Events of one objective in the window that ends with the last of them.

        Not with `now`: that traffic ceased must not empty the windows, and so call a bad model good.
        """
        place = tier_for(COUNT_TIERS, seconds)
        cells = self.counts[place].get(key)
        if not cells:
            return Count()
        good = bad = 0
        for one in within(cells, COUNT_TIERS[place], seconds, self.events_at.get(key, 0.0)):
            good += one.good
            bad += one.bad
        return Count(good, bad)

    def newest_bad(self, key: str) -> float | None:
        """The start of the cell of the last bad event, of the finest tier that has it; None without one."""
        for cells, tier in zip(self.counts, COUNT_TIERS, strict=True):
            bad = [index for index, count in cells.get(key, {}).items() if count.bad]
            if bad:
                return float(max(bad) * tier.cell_seconds)
        return None

    def known_seconds(self, key: str, seconds: float) -> float:
        """How much of the window of `count` is known: less than `seconds` until that long has passed."""
        place = tier_for(COUNT_TIERS, seconds)
        cells = self.counts[place].get(key)
        if not cells:
            return 0.0
        return min(seconds, self.events_at.get(key, 0.0) - min(cells) * COUNT_TIERS[place].cell_seconds)

    def window(self, seconds: float, *, histograms: bool = True) -> Figures:
        """Figures of the window that ends with the newest report; at most as far as FIGURE_TIERS reach.

        Without `histograms`, which take most of the time, theirs are empty.
        """
        return total_of(self.window_cells(seconds), histograms=histograms)

    def window_cells(self, seconds: float) -> list[PackedFigures]:
        """What `window` is the sum of, mostly in the order of time."""
        place = tier_for(FIGURE_TIERS, seconds)
        return within(self.figures[place], FIGURE_TIERS[place], seconds, self.newest_at or 0.0)

    def has_unread(self, seconds: float) -> bool:
        """Whether `window(seconds)` has anything that came and was not read, which is told much faster."""
        return any(one.has_unread for one in self.window_cells(seconds))

    def window_begin(self, seconds: float) -> float | None:
        """From when on `window(seconds)` holds figures; None before the first report."""
        if self.newest_at is None:
            return None
        place, begin = tier_for(FIGURE_TIERS, seconds), self.newest_at - seconds
        if place == FINEST and self.figures_since:
            begin = min([begin, *within(self.figures_since, FIGURE_TIERS[place], seconds, self.newest_at)])
        return max(self.figures_from[place], begin)
