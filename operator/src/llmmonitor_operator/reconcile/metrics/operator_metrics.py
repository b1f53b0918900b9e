"""Everything that the operator's `/metrics` shows: its own work, and its monitors.

What it counts is told by whoever does it; figures of monitors are computed at scrape from their last
evaluation. The number of series is bounded: results beyond a few are `other`, and monitors beyond a limit are
counted and not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from llmmonitor_operator.evaluate.evaluation import Evaluation
from llmmonitor_operator.gather.accumulate import NOTHING_ADDED, Added
from llmmonitor_operator.keys.keyring import Keyring
from llmmonitor_operator.reconcile.metrics.monitor_families import Shown, families
from llmmonitor_operator.reconcile.metrics.people_metrics import PeopleMetrics
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals

Monitor = tuple[str, str]
"""Namespace and name."""

MONITORS_LIMIT = 500
"""About 200 series each."""
_RESULTS_LIMIT = 16
_PASS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OURS = "llm_monitor_operator"


class _Known(NamedTuple):
    """What is known of one monitor, in one piece for the thread of a scrape."""

    shown: Shown
    news: Callable[[], Added] | None = None
    """What happened since, found out at a scrape; None: it was not looked at since."""


class OperatorMetrics:
    """The registry, and one method for each thing that happens."""

    def __init__(self, *, monitors_limit: int = MONITORS_LIMIT) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._limit = monitors_limit
        self._monitors: dict[Monitor, _Known] = {}
        self._left_out: set[Monitor] = set()
        self._pulls = self._counted(
            "pulls",
            "Reports asked for, by result, and told unasked.",
        )
        self._pushes = self._counted("pushes", "Configurations sent, by result.")
        self._attaches = self._counted("attaches", "Pods that a sidecar was to be attached to, by result.")
        self._statuses = self._counted("status_writes", "Statuses written, by result.")
        self._events = self._counted("events", "Events written, by result.")
        self._checkpoints = self._counted("checkpoint_writes", "Checkpoints saved, by result.")
        self._failures = self._counted("failures", "Work that failed and is tried again, by kind.", "work")
        self._broken = Gauge(
            f"{_OURS}_watches_broken", "Kinds of objects that cannot be watched now.", registry=self.registry
        )
        self._passes = Histogram(
            f"{_OURS}_pass_seconds",
            "Time of one reconcile pass over one monitor.",
            buckets=_PASS_SECONDS,
            registry=self.registry,
        )
        self._keys = Gauge(
            f"{_OURS}_signing_keys", "Signing keys that are kept, by use.", ["use"], registry=self.registry
        )
        self._to_learn = Gauge(
            f"{_OURS}_sidecars_to_learn_the_next_key",
            "Sidecars that do not believe the next signing key yet.",
            registry=self.registry,
        )
        self._certificates = Gauge(
            f"{_OURS}_certificates_failing",
            "1 while the webhook's certificates cannot be looked after; the log says why.",
            registry=self.registry,
        )
        self._leading = Gauge(f"{_OURS}_leading", "1 while this process leads.", registry=self.registry)
        self.people = PeopleMetrics(self.registry)
        known = Gauge(
            f"{_OURS}_monitors",
            "Monitors, by whether their figures are here.",
            ["shown"],
            registry=self.registry,
        )
        known.labels("true").set_function(lambda: len(self._monitors))
        known.labels("false").set_function(lambda: len(self._left_out))
        self.registry.register(_Monitors(self._monitors))

    def begin(self, monitor: Monitor) -> None:
        """It is followed from now on; what was known of it at the takeover is not counted again."""
        if monitor not in self._monitors and len(self._monitors) >= self._limit:
            self._left_out.add(monitor)
            return
        self._monitors[monitor] = _Known(Shown(RunningTotals()))

    def judged(
        self, monitor: Monitor, evaluation: Evaluation, now: float, news: Added = NOTHING_ADDED
    ) -> None:
        """One evaluation was done, after what happened since the one before it was taken in."""
        if monitor in self._left_out and len(self._monitors) < self._limit:
            self.begin(monitor)
            self._left_out.discard(monitor)
        known = self._monitors.get(monitor)
        if known is None:
            return
        shown = Shown(
            totals=known.shown.totals.after(news, evaluation.state.events_at),
            evaluated_at=now,
            conditions=evaluation.conditions,
            judged=evaluation.judged,
            inputs=evaluation.inputs,
            anomalies=evaluation.state.anomalies.alarms,
            drift=evaluation.state.drift,
            versions=evaluation.state.versions,
        )
        self._monitors[monitor] = _Known(shown)

    def looked(self, monitor: Monitor, news: Callable[[], Added]) -> None:
        """It was looked at since, and not judged. Args: news: what happened since, found out at a scrape."""
        known = self._monitors.get(monitor)
        if known is not None:
            self._monitors[monitor] = _Known(known.shown, news)

    def forget(self, monitor: Monitor) -> None:
        """It is gone, and so are its series."""
        self._monitors.pop(monitor, None)
        self._left_out.discard(monitor)

    def pulled(self, result: str, reports: int = 1) -> None:
        """`reports` were asked for or told, with this result."""
        self._pulls.count(result, reports)

    def pushed(self, result: str) -> None:
        """One configuration was sent."""
        self._pushes.count(result)

    def attached(self, result: str) -> None:
        """One pod was to be attached to."""
        self._attaches.count(result)

    def status_written(self, result: str) -> None:
        """One status was written or failed to be."""
        self._statuses.count(result)

    def event_emitted(self, result: str) -> None:
        """One Event was written or failed to be."""
        self._events.count(result)

    def checkpoint_saved(self, result: str) -> None:
        """One checkpoint was saved or failed to be."""
        self._checkpoints.count(result)

    def passed(self, seconds: float) -> None:
        """One reconcile pass over one monitor took so long."""
        self._passes.observe(seconds)

    def failed(self, work: str) -> None:
        """Something raised that is survived."""
        self._failures.count(work)

    def watches(self, broken: Callable[[], int]) -> None:
        """Args: broken: how many watches do not run, asked at each scrape."""
        self._broken.set_function(broken)

    def has_keys(self, keys: Keyring, to_learn: int) -> None:
        """These are in use, and so many sidecars do not believe the next one."""
        for use, number in (("current", 1), ("next", int(keys.next is not None)), ("old", len(keys.old))):
            self._keys.labels(use).set(number)
        self._to_learn.set(to_learn)

    def certificates(self, failing: Callable[[], bool]) -> None:
        """Args: failing: whether the last look at them failed, asked at each scrape."""
        self._certificates.set_function(lambda: float(failing()))

    def leads(self, leading: bool) -> None:  # noqa: FBT001 - what it is
        """Whether this process leads."""
        self._leading.set(leading)

    def _counted(self, name: str, text: str, label: str = "result") -> _Results:
        return _Results(Counter(f"{_OURS}_{name}", text, [label], registry=self.registry))


class _Results:
    """A counter by result, of which there are a few."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._known: dict[str, Counter] = {}
        """Each looked up once: hundreds of reports a second are counted."""

    def count(self, result: str, times: int = 1) -> None:
        if result not in self._known and len(self._known) >= _RESULTS_LIMIT:
            result = "other"
        known = self._known.get(result)
        if known is None:
            known = self._known[result] = self._counter.labels(result)
        known.inc(times)


class _Monitors(Collector):
    """The monitors' families, at scrape."""

    def __init__(self, monitors: dict[Monitor, _Known]) -> None:
        self._monitors = monitors

    def collect(self) -> Iterator[Metric]:
        """Of a copy: passes go on in another thread."""
        found = sorted(self._monitors.copy().items())
        return families({key: shown.after(news()) if news else shown for key, (shown, news) in found})
