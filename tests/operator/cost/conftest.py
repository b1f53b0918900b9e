"""A cluster's pods over time, and the ledger that follows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec
import pytest

from llmmonitor_api.report.report import InterceptionState, Live
from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.accrue import Look, accrued
from llmmonitor_operator.cost.ledger import Ledger, Spent, within
from llmmonitor_operator.cost.lifetime import Lifetime
from llmmonitor_operator.cost.price import UNITS, Price
from llmmonitor_operator.figures import NOTHING, Figures
from llmmonitor_operator.packed_figures import NOTHING_PACKED
from llmmonitor_operator.state import Pod, Source

MIDNIGHT = 20_089 * 86_400_000
"""2025-01-01, a Wednesday."""
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
SERVING = InterceptionState(mode="listen", reading=True, model_listening=True)
A_DOLLAR = Price("USD", Decimal(1), PricedBy.POD)


@dataclass
class Cluster:
    """Pods, their sidecars' counters, and the ledger of the monitor that has them."""

    price: Price | None = A_DOLLAR
    now: int = MIDNIGHT
    ledger: Ledger = field(default_factory=Ledger)
    pods: dict[str, Lifetime] = field(default_factory=dict)
    sources: dict[str, Pod] = field(default_factory=dict)
    answered: Figures = NOTHING

    def start(self, uid: str = "a", **facts: object) -> None:
        """A pod that is ready at once."""
        made = Lifetime(
            uid, scheduled_at=self.now, node=f"node-{uid}", gpus=1, ready=True, ready_changed_at=self.now
        )
        self.pods[uid] = replace(made, **facts)  # type: ignore[arg-type]  # names are Lifetime's

    def report(
        self, uid: str, busy: int, observed: int | None = None, *, boot: str = "one", probing: int = 0
    ) -> None:
        """Its sidecar says that it was busy (and asked probes) for so many more milliseconds."""
        known = self.sources.get(uid, Pod())
        before = next((one for one in known.boots if one.boot_id == boot), None)
        if before is None:
            before = Source(
                pod_name=uid,
                boot_id=boot,
                started_at=(self.pods[uid].scheduled_at or 0) / 1000 if not known.boots else self.now / 1000,
                sequence=1,
                at=0.0,
                configuration_generation=1,
                packed=NOTHING_PACKED,
                objectives={},
                live=Live(),
                interception=SERVING,
            )
        last = max(int(before.at * 1000), int(before.started_at * 1000))
        seen = self.now - last if observed is None else observed
        after = msgspec.structs.replace(
            before,
            at=self.now / 1000,
            busy_nanoseconds=before.busy_nanoseconds + busy * 1_000_000,
            observed_nanoseconds=before.observed_nanoseconds + seen * 1_000_000,
            probing_nanoseconds=before.probing_nanoseconds + probing * 1_000_000,
        )
        others = tuple(one for one in known.boots if one.boot_id != boot)
        self.sources[uid] = Pod(boots=(*others, after))

    def look(self, milliseconds: int = 0) -> Ledger:
        """So much later the operator looks."""
        self.now += milliseconds
        seen = Look(self.now, tuple(self.pods.values()), self.sources, self.answered, 45 * SECOND)
        self.ledger = accrued(self.ledger, self.price, seen)
        self.answered = NOTHING
        return self.ledger

    def spent(self, currency: str = "USD") -> Spent:
        """All of it."""
        return within(self.ledger.of(currency), 0, 10**6)


def hours(units: int) -> float:
    """What a dollar an hour comes to, in hours."""
    return units / UNITS


@pytest.fixture
def cluster() -> Callable[..., Cluster]:
    return Cluster
