"""Whether a sidecar says all that it counted or what came since, the same is known and judged."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest
from tests.operator.conftest import START, Replica, Watch

from llmmonitor_api.report.interactions import InteractionCounts, KindCounts
from llmmonitor_api.report.report import Report, decode, encode
from llmmonitor_api.report.requests import CheckCounts, RequestCounts
from llmmonitor_api.report.told import NONE_YET, Told
from llmmonitor_operator.checkpoint import decode as from_checkpoint
from llmmonitor_operator.checkpoint import encode as to_checkpoint
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.state import State


@pytest.fixture
def replica(watch: Callable[..., Watch]) -> Replica:
    return watch().replica()


def _told(told: Told, report: Report, state: State) -> Report:
    """As it arrives where `state` is known."""
    pod = state.pods.get(report.identity.pod_uid)
    has = pod.newest.name if pod is not None and pod.newest is not None else NONE_YET
    return decode(encode(told.since(report, has)))


def _count_more(replica: Replica, chance: random.Random) -> None:
    replica.serve(chance.randrange(4), ttft=chance.uniform(0.01, 3.0))
    replica.serve(chance.randrange(2), outcome="server_error", ttft=float("inf"))
    totals = replica.totals
    totals.busy_nanoseconds += 10**9
    totals.observed_nanoseconds += 10**10
    totals.gpu_energy_millijoules += chance.randrange(100)
    known = totals.requests
    totals.requests = RequestCounts(
        "setting",
        known.exchanges + 1,
        known.valid + 1,
        known.invalid,
        {"roles": CheckCounts(known.valid + 1, 0)},
        {"roles: tool": known.exchanges},
    )
    one = totals.interactions
    kinds = {
        name: KindCounts(one.looked_at + 1 + chance.randrange(2), one.exchanges)
        for name in ("Toxicity", "Jailbreak")
    }
    totals.interactions = InteractionCounts(one.exchanges + 1, one.looked_at + 1, kinds=kinds)


def _without_what_is_packed_otherwise(state: State) -> State:
    """Cells and counters in the bytes that their sums have; features, which differences do not keep."""
    pods = {
        uid: msgspec.structs.replace(
            pod,
            boots=tuple(
                msgspec.structs.replace(boot, packed=PackedFigures(boot.figures), features=None)
                for boot in pod.boots
            ),
        )
        for uid, pod in state.pods.items()
    }
    return msgspec.structs.replace(state, pods=pods)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_is_known(replica: Replica, seed: int) -> None:
    chance = random.Random(seed)
    told = Told()
    whole = differing = State()
    for step in range(1, 30):
        now = START + 15 * step
        _count_more(replica, chance)
        report = replica.report(now)
        arrives = _told(told, report, differing)
        assert (arrives.since is None) is (step == 1)
        if step > 1 and chance.random() < 0.2:
            continue  # this one is lost: the next says it too

        whole = absorb(whole, report, now)
        differing = absorb(differing, arrives, now)

    assert differing.pods[replica.uid].refused == ""
    assert _without_what_is_packed_otherwise(differing) == _without_what_is_packed_otherwise(whole)


def test_all_of_it_may_follow_differences(replica: Replica) -> None:
    told, chance = Told(), random.Random(1)
    whole = state = State()
    for step in range(1, 12):
        _count_more(replica, chance)
        report = replica.report(START + 15 * step)
        whole = absorb(whole, report, START + 15 * step)
        state = absorb(state, _told(told, report, state), START + 15 * step)

    # as a leader does whose checkpoint is older than what the sidecar remembers
    state = from_checkpoint(to_checkpoint(state).data)
    _count_more(replica, chance)
    report = replica.report(START + 15 * 12)
    whole = absorb(whole, report, START + 15 * 12)
    state = absorb(state, report, START + 15 * 12)

    assert state.pods[replica.uid].refused == ""
    assert state.window(600.0) == whole.window(600.0)
    assert state.pods[replica.uid].newest.figures == whole.pods[replica.uid].newest.figures  # type: ignore[union-attr]  # both have reported


def test_a_difference_to_another_report_than_the_last_known_is_refused_and_adds_nothing(
    replica: Replica,
) -> None:
    replica.serve(5)
    first = absorb(State(), replica.report(START + 15), START + 15)
    replica.serve(5)
    strange = msgspec.structs.replace(replica.report(START + 30), since=7)

    state = absorb(first, strange, START + 30)

    assert "says what came since report 7, the last known is 1" in state.pods[replica.uid].refused
    assert state.window(600.0).begun == 5

    unknown = absorb(State(), strange, START + 30)

    assert "the last known is none" in unknown.pods[replica.uid].refused
