"""What may wait a minute to be judged is what would be judged as before; all else is not calm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import LISTENING, OBJECTIVES, ROOMY, Replica, Watch

from llmmonitor_api.report.glance import glance
from llmmonitor_api.report.gpus import GPU, GPUs
from llmmonitor_api.report.interactions import (
    ClientsSeen,
    InteractionCounts,
    InteractionsState,
    KindCounts,
)
from llmmonitor_api.report.probing import ProbeRound, Probing
from llmmonitor_api.report.report import Engine, Live, MemoryTrend, Report, Saturation, encode
from llmmonitor_api.report.told import NONE_YET, Told
from llmmonitor_operator.evaluate.calm import Calm, calm_after
from llmmonitor_operator.windows import Count

ENGINE = Engine(name="vLLM", version="0.11.0", model="m", running=2, waiting=0, kv_cache_use=0.3)
WELL = GPU(uuid="GPU-1", ours=True, utilisation=0.9, memory_total_bytes=80 << 30, xids_seen=True)
MAY_FILL = MemoryTrend(span_seconds=30, samples=30, bytes_per_second=40 << 20, low=-(10 << 20), high=80 << 20)
ERRORS, FIRST_TOKEN = '["errors","ErrorRate",""]', '["first-token","TimeToFirstToken","1s"]'


def gpus(gpu: GPU) -> GPUs:
    return GPUs(visible=True, source="NVML", told_by="number", devices=(gpu,))


UNLIMITED = InteractionsState()


class Judged:
    """A monitor that was judged after five minutes of good requests, and its replica."""

    def __init__(self, one: Watch, *, served: int = 20, interactions: InteractionsState = UNLIMITED) -> None:
        self.replica, self._one, self._told = one.replica(), one, Told()
        self.replica.engine, self.replica.gpus = ENGINE, gpus(WELL)
        self.replica.interactions = interactions
        self.replica.interception = msgspec.structs.replace(LISTENING, model_listening=True)
        for _ in range(20):
            self.replica.serve(served)
            self.evaluation = one.gather([self.replica])
        newest = self.next()
        self.calm = calm_after(self.evaluation.conditions, self.evaluation.inputs, {self.replica.uid: newest})

    def next(self, seconds: float = 15.0) -> Report:
        """What the replica says `seconds` later, to whoever has the report before."""
        self._one.now += seconds
        whole = self.replica.report(self._one.now)
        has = f"{whole.identity.sequence - 1}.{whole.identity.boot_id}"
        return self._told.since(whole, has if self._told._kept else NONE_YET)

    def holds(self, report: Report) -> bool:
        assert self.calm is not None
        return self.calm.holds(self.replica.uid, glance(encode(report)))


def test_more_of_the_same_may_wait(watch: Callable[..., Watch]) -> None:
    one = Judged(watch(interactions=LIMITS))
    one.replica.serve(40)
    one.replica.live = Live(in_flight=3, seconds_without_progress=1.0, last_request_age_seconds=0.1)
    one.replica.resources = msgspec.structs.replace(ROOMY, memory_used_bytes=3 << 30, cpu_cores_used=2.5)
    one.replica.engine = msgspec.structs.replace(ENGINE, running=7, kv_cache_use=0.6)
    one.replica.gpus = gpus(msgspec.structs.replace(WELL, utilisation=0.4, power_watts=512.0))
    one.replica.totals.interactions = InteractionCounts(
        kinds={"refusals": KindCounts(looked_at=9, flagged=2)}
    )
    most = {"jailbreak": 5, "refusals": 50}
    one.replica.interactions = InteractionsState(clients=ClientsSeen(most_requests=99, most_findings=most))

    assert one.holds(one.next())


def _more(one: Replica, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(one, name, msgspec.structs.replace(getattr(one, name), **value))


CHANGES: dict[str, Callable[[Replica], None]] = {
    "it no longer reads": lambda one: _more(one, interception={"reading": False}),
    "its relay lives": lambda one: _more(one, interception={"relay_alive": True}),
    "another configuration": lambda one: setattr(
        one, "configuration", msgspec.structs.replace(one.configuration, generation=9)
    ),
    "stalled": lambda one: _more(one, live={"in_flight": 1, "seconds_without_progress": 30.0}),
    "saturated": lambda one: _more(
        one,
        live={
            "saturation": Saturation(
                samples=30,
                span_seconds=30,
                waiting=9,
                waiting_least=4,
                waiting_per_minute=9,
                waiting_per_minute_low=3,
                waiting_per_minute_high=15,
            )
        },
    ),
    "memory above its limit": lambda one: _more(one, resources={"memory_used_bytes": int(3.9 * 2**30)}),
    "memory that may be full before the next look": lambda one: _more(
        one, resources={"memory_held_bytes": 3 << 30, "memory_trends": (MAY_FILL,)}
    ),
    "killed for memory": lambda one: _more(one, resources={"oom_kills": 1}),
    "throttled": lambda one: _more(one, resources={"cpu_throttled_share": 0.5}),
    "not visible any more": lambda one: _more(one, resources={"processes_visible": False, "reason": "gone"}),
    "the engine does not answer": lambda one: _more(one, engine={"error": "refused"}),
    "another version of the engine": lambda one: _more(one, engine={"version": "0.12.0"}),
    "the KV cache is full": lambda one: _more(one, engine={"kv_cache_use": 0.99}),
    "the engine is not known any more": lambda one: setattr(one, "engine", None),
    "another system answers": lambda one: setattr(one, "system_fingerprint", "fp-2"),
    "a GPU is lost": lambda one: setattr(
        one, "gpus", gpus(msgspec.structs.replace(WELL, lost=True, problem="it is lost"))
    ),
    "a GPU cannot be repaired": lambda one: setattr(
        one, "gpus", gpus(msgspec.structs.replace(WELL, repair_failed=True))
    ),
    "what cannot be read": lambda one: setattr(one.totals.interception, "opaque_connections", {"tls": 5}),
    "another round of probes": lambda one: setattr(
        one, "probing", Probing(rounds=(ProbeRound(started=1.0, version="v", items=1),))
    ),
    "probes wait": lambda one: setattr(one, "probing", Probing(waits="budget")),
    "it stepped aside": lambda one: setattr(one.totals.interception, "step_asides", 1),
    "its analyser began anew": lambda one: setattr(one.totals.interception, "analyser_starts", 2),
    "connections were not analysed": lambda one: setattr(one.totals.interception, "shed_connections", 1),
    "a limited kind was found": lambda one: setattr(
        one.totals,
        "interactions",
        InteractionCounts(kinds={"promptInjection": KindCounts(looked_at=9, flagged=1)}),
    ),
    "one client asks for too much": lambda one: setattr(
        one, "interactions", InteractionsState(clients=ClientsSeen(clients=3, most_requests=100))
    ),
    "one client tries too often": lambda one: setattr(
        one, "interactions", InteractionsState(clients=ClientsSeen(clients=3, most_findings={"jailbreak": 6}))
    ),
}
LIMITS = {
    "promptInjection": {"max": 3},
    "jailbreak": {"maxPerClient": 5},
    "refusals": {"maxRate": "10%"},
    "flood": {"maxPerClient": 99},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_condition_may_turn_by_does_not_wait(watch: Callable[..., Watch], what: str) -> None:
    one = Judged(watch(interactions=LIMITS))
    assert one.holds(one.next())

    CHANGES[what](one.replica)

    assert not one.holds(one.next())


def test_another_life_of_a_sidecar_does_not_wait(watch: Callable[..., Watch]) -> None:
    one = Judged(watch())
    one.replica = replace(one.replica, boot="boot-9", sequence=0)

    assert not one.holds(one.next())


def test_what_is_told_whole_does_not_wait(watch: Callable[..., Watch]) -> None:
    one = Judged(watch())

    assert not one.holds(one.replica.report(one.next().at + 15)), "it says nothing of what came lately"


def test_nothing_waits_while_a_condition_is_false(watch: Callable[..., Watch]) -> None:
    one = watch()
    replica = one.replica()
    for _ in range(20):
        replica.serve(20, outcome="server_error")
        evaluation = one.gather([replica])

    assert calm_after(evaluation.conditions, evaluation.inputs, {}) is None


def test_the_first_request_is_judged_at_once_where_one_is_waited_for(watch: Callable[..., Watch]) -> None:
    one = Judged(watch(), served=0)
    assert one.holds(one.next()), "nothing comes"

    one.replica.serve(1)

    assert not one.holds(one.next())


def test_a_connection_is_judged_at_once_where_requests_are_waited_for(watch: Callable[..., Watch]) -> None:
    one = Judged(watch(), served=0)

    one.replica.totals.interception.accepted += 1

    assert not one.holds(one.next())


def test_where_all_come_from_one_address_no_client_is_busy(watch: Callable[..., Watch]) -> None:
    """Behind a proxy clients are not told apart, and limits for each are not judged."""
    proxied = InteractionsState(clients=ClientsSeen(clients=1, most_requests=1000, window_seconds=3600))
    one = Judged(watch(interactions=LIMITS), interactions=proxied)

    assert one.holds(one.next())
    one.replica.interactions = InteractionsState(clients=ClientsSeen(clients=2, most_requests=1000))
    assert not one.holds(one.next())


def test_a_request_that_is_only_under_way_is_shown_where_one_is_waited_for(
    watch: Callable[..., Watch],
) -> None:
    one = Judged(watch(), served=0)
    one.replica.live = Live(in_flight=1)

    assert not one.holds(one.next())


@pytest.mark.parametrize(
    ("counts", "explained"),
    [
        ({}, True),
        ({ERRORS: Count(600, 0), FIRST_TOKEN: Count(595, 5)}, True),
        ({ERRORS: Count(590, 10)}, True),  # budget 1 %: 6 are expected, and 7.3 more are no news
        ({ERRORS: Count(586, 14)}, False),
        ({ERRORS: Count(0, 1)}, False),
        ({ERRORS: Count(24, 6)}, False),
        ({ERRORS: Count(600, 0), FIRST_TOKEN: Count(0, 600)}, False),
        ({'["other","ErrorRate",""]': Count(600, 1)}, False),
    ],
)
def test_bad_events_wait_as_long_as_the_budget_explains_them(
    watch: Callable[..., Watch], counts: dict[str, Count], *, explained: bool
) -> None:
    calm = Judged(watch(performance={"objectives": list(OBJECTIVES)})).calm
    assert isinstance(calm, Calm)

    assert calm.explains(counts) is explained
