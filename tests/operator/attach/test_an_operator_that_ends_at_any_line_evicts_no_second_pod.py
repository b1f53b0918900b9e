"""A ReplicaSet, a kubelet and an operator that ends wherever hypothesis likes; what it sees may be older."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.attach.restarting_pods import (
    OLD,
    OWNER,
    SET,
    WITHIN,
    Pod,
    leaving,
    new_pod,
    old_pod,
    with_ready,
)
from tests.operator.model_pods import NOW

from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.attach.replicas import is_leaving, name_of, ready_since, uid_of
from llmmonitor_operator.attach.restart import next_step
from llmmonitor_operator.attach.restart_seen import Replica, Seen

REPLICAS = 3
STEP_SECONDS = 4.0
ACTIONS = (
    "look",
    "look",
    "end before writing",
    "end before evicting",
    "end after evicting",
    "control",
    "run",
    "go",
)


@dataclass
class Cluster:
    """What is so, what the status says, and what the operator remembers."""

    pods: list[Pod] = field(default_factory=lambda: [old_pod(f"old-{n}") for n in range(REPLICAS)])
    before: list[Pod] = field(default_factory=list)
    """The pods as they were one step ago: what a watch may still show."""
    written: RestartStatus | None = None
    evicted: set[str] = field(default_factory=set)
    now: float = NOW
    made: int = 0

    def do(self, action: str, *, late: bool) -> None:
        self.now += STEP_SECONDS
        shown = self.before if late and self.before else self.pods
        self.before = list(self.pods)
        match action:
            case "control":
                self._control()
            case "run":
                self.pods = [
                    pod if is_leaving(pod) or ready_since(pod) else with_ready(pod, since=self.now)
                    for pod in self.pods
                ]
            case "go":
                self.pods = [pod for pod in self.pods if not is_leaving(pod)]
            case "look":
                self._look(shown)
            case _:
                self._look(self.pods, action)
                self.evicted.clear()
                self.before = []  # whoever begins lists anew

    def _control(self) -> None:
        """As the ReplicaSet's controller: a pod that is on its way out counts no more."""
        for _ in range(REPLICAS - sum(not is_leaving(pod) for pod in self.pods)):
            self.made += 1
            self.pods.append(new_pod(f"new-{self.made}", self.now))

    def _look(self, shown: list[Pod], ends: str = "") -> None:
        mine = [
            Replica(pod, "" if name_of(pod).startswith("new") else OLD, reports=ready_since(pod) is not None)
            for pod in shown
            if not is_leaving(pod)
        ]
        ready = sum(ready_since(pod) is not None for pod in shown)
        seen = Seen(
            generation=1,
            replicas=mine,
            pods=shown,
            workloads={OWNER: replace(SET, replicas=REPLICAS, ready=ready)},
            now=self.now,
            within_seconds=WITHIN,
            evicted=frozenset(self.evicted),
        )
        step = next_step(self.written, seen)
        if ends == "end before writing":
            return
        self.written = step.progress
        if ends == "end before evicting" or step.evict is None:
            return
        wanted = step.evict.uid
        self.pods = [leaving(pod) if uid_of(pod) == wanted else pod for pod in self.pods]
        self.evicted.add(wanted)

    @property
    def serving(self) -> int:
        return sum(ready_since(pod) is not None and not is_leaving(pod) for pod in self.pods)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.booleans()), max_size=60))
def test_one_replica_is_away_at_most_and_each_is_replaced_once(actions: list[tuple[str, bool]]) -> None:
    cluster = Cluster()

    for action, late in actions:
        cluster.do(action, late=late)
        assert cluster.serving >= REPLICAS - 1

    for _ in range(10 * REPLICAS):
        for action in ("look", "control", "go", "run"):
            cluster.do(action, late=False)
            assert cluster.serving >= REPLICAS - 1

    assert cluster.written is not None
    assert [name_of(pod)[:3] for pod in cluster.pods] == ["new"] * REPLICAS
    assert cluster.made == REPLICAS
    assert (cluster.written.planned, cluster.written.done) == (REPLICAS, REPLICAS)
