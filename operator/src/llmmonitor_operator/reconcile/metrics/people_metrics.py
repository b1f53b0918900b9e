"""What the operator counts of people and of the audit chain: records, requests, verdicts. No name of anybody.

Whoever must know that somebody looks, or that nothing can be recorded any more, alerts on these; who it was
is in the chain alone.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from llmmonitor_api.interactions.table import DETECTORS
from llmmonitor_operator.audit.record import What

WRITTEN: Final = "written"
FULL: Final = "full"
NOT_WRITTEN: Final = "not_written"
SHOWN: Final = "shown"
NO_CASE: Final = "no_case"
DONE: Final = "done"
UNREADABLE: Final = "unreadable"
"""The act of a request of which it is not known what it asks for."""
_OURS: Final = "llm_monitor_operator"
_UNFLAGGED, _OTHER = "none", "other"
_DETECTORS: Final = frozenset(one.name for one in DETECTORS)
_WHAT: Final = frozenset(one.value for one in What)


class PeopleMetrics:
    """One method for each thing that happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter(
            f"{_OURS}_audit_records",
            "Records to be appended to audit chains, by what they record and by result: written, full,"
            " not_written.",
            ["what", "result"],
            registry=registry,
        )
        self._requests = Counter(
            f"{_OURS}_people_requests",
            "What people asked for (next, judge, erase; unreadable), by result: a case shown, no_case, done,"
            " or the HTTP status of the refusal.",
            ["act", "result"],
            registry=registry,
        )
        self._verdicts = Counter(
            f"{_OURS}_verdicts",
            "People's verdicts that were taken, by the detector of the finding; none: of unflagged cases.",
            ["detector", "verdict"],
            registry=registry,
        )

    def recorded(self, what: str, result: str) -> None:
        """A record was to be appended."""
        self._records.labels(what if what in _WHAT else _OTHER, result).inc()

    def asked(self, act: str, result: str) -> None:
        """A request of a person's came to its end."""
        self._requests.labels(act, result).inc()

    def judged(self, detector: str, verdict: str) -> None:
        """A verdict was taken; `detector`: empty of an unflagged case."""
        name = detector if detector in _DETECTORS else _OTHER
        self._verdicts.labels(name if detector else _UNFLAGGED, verdict).inc()
