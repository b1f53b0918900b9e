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
from tests.operator.full_state import (
    MODELS,
    NOW,
    VERSIONS,
    figures,
    full_conditions,
    full_history,
    full_hours,
    full_kills,
    full_ledger,
    full_past,
    full_quality,
    full_review,
    full_state,
    full_window,
)

from llmmonitor_api.report import merge
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_operator.checkpoint import (
    BYTES_LIMIT,
    MIGRATIONS,
    SCHEMA,
    UnreadableCheckpoint,
    decode,
    encode,
    migrated,
)
from llmmonitor_operator.cost.ledger import Ledger
from llmmonitor_operator.cost.ledger import total as spent_in_all
from llmmonitor_operator.drift.watch import Watch as DriftWatch
from llmmonitor_operator.drift.window import Window
from llmmonitor_operator.figures import Figures, since, total
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.packing import pack, unpack
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.canaries import Canaries
from llmmonitor_operator.windows import FIGURE_TIERS, Count


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


@pytest.mark.parametrize("replicas", [5, 1000])
def test_versions_drift_and_probes_at_their_largest_leave_the_long_burn_rates(replicas: int) -> None:
    rng = random.Random(11)
    state = msgspec.structs.replace(
        full_state(objectives=20, replicas=replicas),
        versions=full_history(rng, replicas),
        quality=full_quality(rng),
        drift=DriftWatch(open=full_window(rng)),
    )

    encoded = encode(state)

    assert len(encoded.data) <= BYTES_LIMIT
    back = decode(encoded.data)
    assert back.counts[2] == state.counts[2]
    assert back.versions.changed_at == NOW
    assert back.quality.pairs == state.quality.pairs


@pytest.mark.parametrize("replicas", [5, 1000])
def test_what_only_a_report_shows_leaves_the_long_burn_rates_and_kills_stay(replicas: int) -> None:
    rng = random.Random(13)
    state = msgspec.structs.replace(
        full_state(objectives=20, replicas=replicas),
        versions=msgspec.structs.replace(full_history(rng, replicas), past=full_past(rng)),
        canaries=Canaries(hours=full_hours(rng)),
        condition_history=full_conditions(rng),
        quality=full_quality(rng),
        oom_kills=full_kills(rng),
    )

    encoded = encode(state)

    assert len(encoded.data) <= BYTES_LIMIT
    assert encoded.left_out.index("what conditions said when they changed, but for the newest") == 1
    back = decode(encoded.data)
    assert back.counts[2] == state.counts[2]
    assert back.oom_kills == state.oom_kills
    assert back.quality.pairs == state.quality.pairs


def test_of_a_thousand_pods_it_is_forgotten_which_runs_which_version_but_not_which_run() -> None:
    rng = random.Random(12)
    history = full_history(rng, replicas=1000, parts=8)
    state = msgspec.structs.replace(full_state(objectives=20, replicas=1000), versions=history)

    back = decode(encode(state).data).versions

    assert [one.name for one in back.versions] == [one.name for one in history.versions]
    assert len(back.running) == len(history.versions)
    assert set(back.running.values()) == set(history.running.values())


@pytest.mark.parametrize("absurd", [2**63, 2**63 + 2**62, 2**64, 2**100])
def test_a_count_beyond_63_bits_is_the_largest_and_the_rest_goes_on(absurd: int) -> None:
    duration = Histogram(zero=absurd, sum_nano=absurd, buckets={3: absurd, 4: 1})
    figures = Figures(begun=absurd, finish_reasons=FrequencyTable({"stop": absurd}), duration=duration)
    window = Window(NOW - 60, NOW, absurd, {"Turns": {1: absurd}})
    state = State(
        figures=({0: PackedFigures(figures)}, *({} for _ in FIGURE_TIERS[1:])),
        drift=DriftWatch(open=window),
        newest_at=NOW,
    )

    back = decode(encode(state).data)

    most = 2**63 - 1
    assert back.newest_at == NOW
    assert back.drift.open == Window(NOW - 60, NOW, most, {"Turns": {1: most}})
    assert back.figures[0][0].unpacked() == Figures(
        begun=most,
        finish_reasons=FrequencyTable({"stop": most}),
        duration=Histogram(zero=most, sum_nano=absurd, buckets={3: most, 4: 1}),
    )


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

    one.state = decode(encode(one.state, limit=1_400).data)
    assert not one.state.pods
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
    st.dictionaries(st.integers(-(2**40), 2**40), st.integers(0, 2**63 - 1), min_size=1),
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


def test_peoples_verdicts_come_back_and_the_oldest_make_room() -> None:
    review = full_review(random.Random(1))

    alone = encode(State(review=review))
    crowded = encode(State(review=review), limit=8_192)

    assert decode(alone.data).review == review
    assert len(alone.data) <= BYTES_LIMIT / 2
    assert crowded.left_out[-1] == "people's verdicts before the newest"
    [left] = decode(crowded.data).review.subjects.values()
    [every] = review.subjects.values()
    assert len(left) == 50
    assert min(one.at for one in left) > sorted(one.at for one in every)[-51]
