from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.report import InterceptionState, Live
from llmmonitor_api.report.totals import InterceptionCounts, objective_key
from llmmonitor_operator.checkpoint import (
    BYTES_LIMIT,
    MIGRATIONS,
    SCHEMA,
    UnreadableCheckpoint,
    decode,
    encode,
    migrated,
)
from llmmonitor_operator.cost.ledger import DAYS_LIMIT, Account, Ledger, Line, Spent
from llmmonitor_operator.cost.ledger import total as spent_in_all
from llmmonitor_operator.figures import Figures, since, total
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.packing import pack, unpack
from llmmonitor_operator.state import Pod, Source, State
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Count, Tier

NOW = 1_800_000_000.0
MODELS, VERSIONS = 20, 3
REQUESTS_PER_SECOND = 10


def histogram(rng: random.Random, requests: int, mean_log: float, spread: float) -> Histogram:
    """As random as that of so many lognormal values, without drawing each."""
    made = Histogram()
    for step in range(-300, 301):
        deviation = 0.01 * step
        expected = requests * 0.01 * math.exp(-(deviation**2) / 2) / math.sqrt(2 * math.pi)
        count = round(rng.gauss(expected, math.sqrt(expected)))
        if count > 0:
            made.record(math.exp(mean_log + spread * deviation), count)
    return made


def figures(rng: random.Random, requests: int) -> Figures:
    """As much as happens in a cell."""
    return Figures(
        begun=requests,
        outcomes={"ok": requests - 5, "aborted": 3, "server_error": 2},
        completion_tokens_exact=rng.randrange(10**9),
        token_sources={"usage": requests},
        time_to_first_token=histogram(rng, requests, -1, 0.6),
        time_per_output_token=histogram(rng, requests, -3.5, 0.4),
        duration=histogram(rng, requests, 1.5, 0.8),
        interception=InterceptionCounts(accepted=requests, bytes_to_client=rng.randrange(10**12)),
        engine=EngineCounts(
            prompt_tokens=rng.randrange(10**9),
            generation_tokens=rng.randrange(10**9),
            preemptions=rng.randrange(100),
            finished_requests={"stop": requests, "length": rng.randrange(100), "abort": 3},
            time_to_first_token=EngineHistogram(rng.randrange(10**14), {}, requests),
            time_per_output_token=EngineHistogram(rng.randrange(10**15), {}, 100 * requests),
        ),
        compared=Compared(
            *(pair(rng, requests), requests, pair(rng, 10**9), pair(rng, 10**9)),
            *(requests, rng.randrange(9), pair(rng, requests), pair(rng, 10**14)),
        ),
    )


def pair(rng: random.Random, most: int) -> Pair:
    count = rng.randrange(most)
    return Pair(count, count - rng.randrange(1 + count // 100))


def full_ledger(rng: random.Random, accounts: dict[str, Account]) -> Ledger:
    """Four GPUs at 2.50, for as long as is kept."""
    today, whole = int(NOW) // 86_400, 4 * 86_400_000
    days = {}
    for n in range(DAYS_LIMIT):
        loading, busy, answered = rng.randrange(10**6), rng.randrange(whole // 2), rng.randrange(10**6)
        days[today - n] = Spent(
            busy=2_500_000 * busy,
            idle=2_500_000 * (whole - busy - loading),
            loading=2_500_000 * loading,
            device_ms=whole,
            prompt_tokens=rng.randrange(10**9),
            completion_tokens=rng.randrange(10**9),
            answered=answered,
            exact=answered,
            counted=rng.randrange(100),
        )
    now = int(NOW * 1000)
    return Ledger((Line("USD", "2.50", "GPU", now - DAYS_LIMIT * 86_400_000, now, days),), accounts, now)


def full_state(objectives: int, replicas: int) -> State:
    """Every cell of every tier is filled."""
    rng = random.Random(7)
    keys = [
        objective_key(f"objective-{n}", "TimeToFirstToken", "800ms", ("lora",)) for n in range(objectives)
    ]

    def counts(tier: Tier) -> dict[int, Count]:
        events = REQUESTS_PER_SECOND * tier.cell_seconds
        cells = range(tier.index(NOW) - tier.cells + 1, tier.index(NOW) + 1)
        return {
            cell: Count(rng.randint(events * 4 // 5, events), rng.randint(0, events // 100 + 1))
            for cell in cells
        }

    def cells(tier: Tier) -> dict[int, PackedFigures]:
        requests = REQUESTS_PER_SECOND * tier.cell_seconds
        return {tier.index(NOW) - n: PackedFigures(figures(rng, requests)) for n in range(tier.cells)}

    accounts = {
        f"{n:08x}-1111-4222-8333-444455556666": Account(
            ready=True, boot_id=f"{n:032x}", at=int(NOW * 1000) - n, busy=rng.randrange(10**14)
        )
        for n in range(replicas)
    }
    return State(
        cost=full_ledger(rng, accounts),
        pods={
            f"{n:08x}-1111-4222-8333-444455556666": Pod(
                boots=(
                    Source(
                        pod_name=f"chat-7d9f8b6c5-{n:05x}",
                        boot_id=f"{n:032x}",
                        started_at=NOW - 86_400,
                        sequence=5760,
                        at=NOW - n,
                        configuration_generation=3,
                        packed=PackedFigures(figures(rng, 30_000)),
                        objectives={key: Count(rng.randrange(10**7), rng.randrange(10**4)) for key in keys},
                        live=Live(),
                        interception=InterceptionState("transparent", reading=True),
                    ),
                )
            )
            for n in range(replicas)
        },
        counts=tuple({key: counts(tier) for key in keys} for tier in COUNT_TIERS),
        figures=tuple(cells(tier) for tier in FIGURE_TIERS),
        figures_from=tuple(NOW - tier.reach_seconds for tier in FIGURE_TIERS),
        newest_at=NOW,
        events_at=dict.fromkeys(keys, NOW),
    )


def test_twenty_models_in_three_versions_take_no_more_than_one(watch: Callable[..., Any]) -> None:
    one, many = watch(), watch()
    lone, several = one.replica(), many.replica()
    for model in range(MODELS * VERSIONS):
        lone.serve(10, ttft=0.1 + model / 100)
        several.model = f"organisation/model-{model // VERSIONS}-v{model % VERSIONS}"
        several.serve(10, ttft=0.1 + model / 100)
    one.gather([lone])
    many.gather([several])

    assert many.state == one.state


def test_five_objectives_and_five_replicas_fit_but_for_single_days_of_last_year() -> None:
    state = full_state(objectives=5, replicas=5)

    encoded = encode(state)

    assert encoded.left_out == ("single days of cost of a quarter ago and more; by the month they are in",)
    assert len(encoded.data) <= BYTES_LIMIT
    found = decode(encoded.data)
    assert msgspec.structs.replace(found, cost=state.cost) == state
    [kept], [line] = found.cost.lines, state.cost.lines
    assert sum(one.busy for one in kept.days.values()) == sum(one.busy for one in line.days.values())


@pytest.mark.parametrize(("objectives", "replicas"), [(20, 5), (20, 60)])
def test_what_does_not_fit_is_left_out_and_named(objectives: int, replicas: int) -> None:
    state = full_state(objectives, replicas)

    encoded = encode(state)

    assert encoded.left_out
    assert len(encoded.data) <= BYTES_LIMIT
    back = decode(encoded.data)
    kept = state.counts[2].keys()
    assert back.counts[2].keys() == kept  # the long burn rates outlast everything else
    assert bool(back.pods) == ("the sources' counters" not in encoded.left_out)


def test_a_sum_beyond_64_bits_is_refused_as_every_other_state_that_cannot_be_kept() -> None:
    absurd = PackedFigures(Figures(begun=2**64))
    state = State(figures=({0: absurd}, *({} for _ in FIGURE_TIERS[1:])))

    with pytest.raises(ValueError, match="more than 64 bits"):
        encode(state)


def test_without_room_for_every_day_of_cost_the_months_are_kept() -> None:
    state = State(cost=full_ledger(random.Random(5), {}))

    encoded = encode(state, limit=len(encode(state).data) // 2)
    back = decode(encoded.data).cost

    assert encoded.left_out == ("single days of cost of a quarter ago and more; by the month they are in",)
    [was], [kept] = state.cost.lines, back.lines
    assert spent_in_all(kept.days.values()) == spent_in_all(was.days.values())
    assert {day: kept.days.get(day) for day in sorted(was.days)[-93:]} == {
        day: was.days[day] for day in sorted(was.days)[-93:]
    }


def test_a_spec_goes_before_the_error_budgets_and_after_all_else() -> None:
    spec = random.Random(3).randbytes(30_000).hex()
    state = msgspec.structs.replace(full_state(objectives=5, replicas=5), valid_spec=spec)

    roomy, tight = encode(state), encode(state, limit=20_000)

    assert decode(roomy.data).valid_spec == spec
    assert "the sources' counters" not in roomy.left_out
    assert tight.left_out[-1] in {"the last valid spec", "events by the minute"}
    assert decode(tight.data).valid_spec == ""
    assert decode(tight.data).counts[2] == state.counts[2]


def test_a_checkpoint_from_before_specs_and_cost_were_kept_is_read() -> None:
    state = msgspec.structs.replace(full_state(objectives=1, replicas=1), cost=Ledger())
    schema, layout, plain = msgspec.msgpack.decode(zlib.decompress(encode(state).data), ext_hook=unpack)
    del plain["valid_spec"], plain["cost"]

    assert decode(zlib.compress(msgspec.msgpack.encode((schema, layout, pack(plain))))) == state


def test_a_source_that_was_left_out_goes_on_without_being_counted_twice(watch: Callable[..., Any]) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1000)
    one.gather([replica])
    before = one.state.count(next(iter(one.state.events_at)), 3600)

    one.state = decode(encode(one.state, limit=1_200).data)
    replica.serve(10)
    one.gather([replica])
    replica.serve(10)
    one.gather([replica])

    assert before == Count(1000, 0)
    assert all(one.state.count(key, 3600).total <= 1010 for key in one.state.events_at)


def test_evaluation_goes_on_from_a_checkpoint_as_if_nothing_had_happened(watch: Callable[..., Any]) -> None:
    lasting, restarted = watch(), watch()
    replica, twin = lasting.replica(), restarted.replica()
    for one, pod in ((lasting, replica), (restarted, twin)):
        pod.serve(100)
        one.gather([pod])
        pod.serve(100, outcome="server_error")
        one.gather([pod])

    restarted.state = decode(encode(restarted.state).data)

    assert restarted.state == lasting.state
    assert restarted.gather([twin]) == lasting.gather([replica])


def made_by_hand(state: bytes) -> bytes:
    """With all in order but the state itself, which is msgpack."""
    schema, layout, _ = msgspec.msgpack.decode(zlib.decompress(encode(State()).data), ext_hook=unpack)
    return zlib.compress(b"\x93" + b"".join(map(msgspec.msgpack.encode, (schema, layout))) + state)


def with_map(data: bytes) -> bytes:
    """A state with a packed map of these bytes."""
    return msgspec.msgpack.encode({"counts": [msgspec.msgpack.Ext(1, data)]})


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(made_by_hand(with_map(b"\0" + b"\xff" * 4 + b"\x01")), id="no entry, 2^35 columns"),
        pytest.param(made_by_hand(with_map(b"\xff" * 100_000)), id="a number of 700,000 bits"),
        pytest.param(
            made_by_hand(b"\x81\xa1x" + b"\x91" * 100_000 + b"\x01"), id="100,000 lists in one another"
        ),
        pytest.param(made_by_hand(msgspec.msgpack.encode({"counts": [{}]})), id="one tier of counts"),
        pytest.param(made_by_hand(msgspec.msgpack.encode({"figures_from": [0.0]})), id="one begin"),
        pytest.param(encode(State(newest_at=math.nan)).data, id="a time that is no number"),
        b"",
        b"not zlib",
        encode(State()).data[:-3],
        zlib.compress(b"\xc1"),
        zlib.compress(msgspec.msgpack.encode((99, "another layout", {}))),
        zlib.compress(msgspec.msgpack.encode((1, "x", msgspec.msgpack.Ext(1, b"\xff\xff\xff\xff\xff\x01")))),
        zlib.compress(b"\0" * (40 << 20)),
    ],
)
def test_bytes_that_are_no_checkpoint_of_ours_are_refused(damaged: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint):
        decode(damaged)


@given(
    st.dictionaries(st.integers(-(2**40), 2**40), st.integers(0, 2**70), min_size=1),
    st.dictionaries(st.integers(-5, 2**33), st.tuples(st.integers(0, 2**40), st.integers(0, 9)), min_size=1),
    st.dictionaries(st.text(max_size=3), st.integers()),
)
def test_packed_maps_come_back(
    numbers: dict[int, int], pairs: dict[int, tuple[int, int]], texts: dict[str, int]
) -> None:
    lists = {key: list(pair) for key, pair in pairs.items()}
    packed = pack([numbers, lists, texts, datetime(2026, 1, 2, tzinfo=UTC)])

    assert unpack(packed[0].code, memoryview(packed[0].data)) == numbers
    assert unpack(packed[1].code, memoryview(packed[1].data)) == lists
    assert packed[2] == texts


def test_summing_many_is_adding_one_by_one() -> None:
    rng = random.Random(3)
    parts = [figures(rng, 60) for _ in range(5)]

    assert total(parts) == reduce(merge.add, parts, Figures())
    assert total([]) == Figures()


def test_differences_are_those_of_every_other_struct() -> None:
    rng = random.Random(4)
    for _ in range(20):
        older = figures(rng, 30)
        newer = merge.add(older, figures(rng, 30))

        assert since(newer, older) == merge.since(newer, older)
        assert since(newer, newer) == Figures()
        with pytest.raises(merge.CountersWentBack, match="after"):
            since(older, newer)


def test_an_older_schema_is_brought_forward_step_by_step() -> None:
    migrations = {
        1: lambda _layout, state: ("two", {**state, "renamed": state["name"]}),
        2: lambda layout, state: (layout + "+", {key: state[key] for key in ("renamed",)}),
    }

    assert migrated(1, "one", {"name": 5}, migrations) == (3, "two+", {"renamed": 5})
    assert migrated(3, "three", {"renamed": 5}, migrations) == (3, "three", {"renamed": 5})
    assert migrated(4, "four", {"later": 5}, migrations) == (4, "four", {"later": 5})


def test_every_schema_before_this_one_can_be_migrated() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA))
