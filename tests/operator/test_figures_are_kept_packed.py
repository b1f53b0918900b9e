"""What is kept of replicas and cells is bytes; nothing about it may differ from the figures themselves."""

from __future__ import annotations

import random

import msgspec
import pytest

from llmmonitor_api.report.engine_counts import EngineCounts
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import LARGEST, Histogram
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_operator.figures import NOTHING, Figures, total
from llmmonitor_operator.packed_figures import (
    ADDED_BYTES_LIMIT,
    NOTHING_PACKED,
    PackedFigures,
    read_in,
    total_of,
    written_out,
)


def _histogram(chance: random.Random) -> Histogram:
    found = Histogram()
    found.record(2 * LARGEST, 3)
    for _ in range(chance.randrange(60)):
        found.record(chance.choice([0.0, chance.lognormvariate(-2, 1)]), chance.randrange(1, 300))
    return found


def _figures(seed: int) -> Figures:
    chance = random.Random(seed)
    return Figures(
        begun=chance.randrange(2**40),
        outcomes={"ok": chance.randrange(300), "server_error": 2},
        finish_reasons=FrequencyTable({"stop": 3}, other=chance.randrange(9)),
        prompts_log_milli=chance.randrange(2**50),
        time_to_first_token=_histogram(chance),
        time_per_output_token=_histogram(chance),
        duration=_histogram(chance),
        interception=InterceptionCounts(accepted=7, opaque_connections={"tls": 1}),
        engine=EngineCounts(restarts=1, finished_requests={"stop": 4}),
    )


@pytest.mark.parametrize("seed", range(8))
def test_they_come_back_as_they_were(seed: int) -> None:
    figures = _figures(seed)
    assert PackedFigures(figures).unpacked() == figures


def test_sums_beyond_64_bits_are_kept_all_the_same() -> None:
    figures = Figures(begun=2**70, duration=Histogram(sum_nano=2**80, buckets={1: 2**65}))
    packed = PackedFigures(figures)
    assert packed.unpacked() == figures
    assert packed.unpacked(histograms=False) == Figures(begun=2**70)
    assert packed == PackedFigures(msgspec.structs.replace(figures))
    assert packed != PackedFigures(msgspec.structs.replace(figures, begun=2**71))


def test_nothing_stays_nothing() -> None:
    assert PackedFigures(NOTHING).unpacked() is NOTHING
    assert PackedFigures(Figures()) == PackedFigures(NOTHING)


def test_without_histograms_all_else_is_there() -> None:
    figures = _figures(1)
    bare = PackedFigures(figures).unpacked(histograms=False)
    none = Histogram()
    assert bare == msgspec.structs.replace(
        figures, time_to_first_token=none, time_per_output_token=none, duration=none
    )


@pytest.mark.parametrize("histograms", [True, False])
def test_their_sum_is_the_sum_of_the_figures(histograms: bool) -> None:  # noqa: FBT001 - a parameter
    parts = [_figures(seed) for seed in range(5)]
    packed = [PackedFigures(one) for one in parts]
    assert total_of(packed, histograms=histograms) == total(parts, histograms=histograms)


@pytest.mark.parametrize("histograms", [True, False])
@pytest.mark.parametrize("number", [1, 2, 8, 9, 40])
def test_what_is_added_to_them_is_in_them(number: int, histograms: bool) -> None:  # noqa: FBT001 - a parameter
    parts = [_figures(seed) for seed in range(number + 1)]
    summed = PackedFigures(NOTHING)
    for one in parts:
        summed = summed.plus(one)

    expected = total(parts, histograms=histograms)
    assert summed.unpacked(histograms=histograms) == expected
    assert summed.together().unpacked(histograms=histograms) == expected
    assert summed == PackedFigures(total(parts))
    assert summed.together().size <= summed.size


def test_what_lies_beside_them_takes_some_room_and_no_more() -> None:
    figures = _figures(1)
    own, summed = PackedFigures(figures), PackedFigures(figures)
    sizes = []
    for _ in range(100):
        summed = summed.plus(figures)
        sizes.append(summed.size)

    assert ADDED_BYTES_LIMIT < max(sizes) - own.size < ADDED_BYTES_LIMIT + 2 * own.size
    assert 2 < sizes.index(max(sizes)) < 50
    assert summed.unpacked() == total([figures] * 101)


def test_what_they_were_before_stays_as_it_was_and_sums_of_sums_are_flat() -> None:
    one = PackedFigures(_figures(1))
    both = one.plus(_figures(2))
    four = both.plus(both.unpacked())

    assert one == PackedFigures(_figures(1))
    assert both != one
    assert four == PackedFigures(total([_figures(1), _figures(2), _figures(1), _figures(2)]))


def test_a_sum_beyond_64_bits_may_be_added() -> None:
    absurd, plain = Figures(begun=2**70), Figures(begun=5)
    assert PackedFigures(absurd).plus(plain).unpacked().begun == 2**70 + 5
    assert PackedFigures(plain).plus(absurd).unpacked().begun == 2**70 + 5


def test_what_could_not_be_read_again_may_be_added() -> None:
    absurd, plain = Figures(finish_reasons=FrequencyTable(other=2**63)), Figures(begun=5)
    summed = PackedFigures(plain).plus(absurd).plus(plain)
    assert summed.unpacked() == total([absurd, plain, plain])


def test_they_take_a_tenth_of_the_room_of_a_map() -> None:
    chance, figures = random.Random(3), Figures()
    for _ in range(2000):
        figures.duration.record(chance.lognormvariate(0, 1))
    room = PackedFigures(figures).size
    assert room < 5 * len(figures.duration.buckets) + 300


def test_others_figures_are_not_equal_and_the_order_of_buckets_is_nothing() -> None:
    one = PackedFigures(Figures(begun=3, duration=Histogram(buckets={1: 2, 2: 1})))
    same = PackedFigures(Figures(begun=3, duration=Histogram(buckets={2: 1, 1: 2})))
    assert one == same
    assert hash(one) == hash(same)
    assert one != PackedFigures(Figures(begun=3, duration=Histogram(buckets={1: 2, 2: 2})))


def test_they_are_written_out_as_plain_figures_and_read_in_again() -> None:
    figures = _figures(2)
    plain = msgspec.to_builtins(PackedFigures(figures), enc_hook=written_out)
    assert plain == msgspec.to_builtins(figures)
    assert read_in(PackedFigures, plain) == PackedFigures(figures)


def test_nothing_else_is_written_or_read() -> None:
    with pytest.raises(NotImplementedError, match="complex"):
        written_out(1j)
    with pytest.raises(NotImplementedError, match="complex"):
        read_in(complex, 1)


def test_whether_a_connection_came_is_known_without_all_the_rest() -> None:
    empty, one = Figures(begun=1), Figures(interception=InterceptionCounts(accepted=1, bytes_to_model=9))
    none, some = PackedFigures(empty), PackedFigures(one)
    absurd = PackedFigures(Figures(begun=2**70, interception=InterceptionCounts(accepted=2)))

    assert not NOTHING_PACKED.has_connections
    assert not none.has_connections
    assert not none.plus(empty).has_connections
    assert some.has_connections
    assert some.plus(empty).has_connections
    assert none.plus(one).has_connections
    assert absurd.has_connections


@pytest.mark.parametrize(
    "counts",
    [
        InterceptionCounts(exchanges_not_analysed=1),
        InterceptionCounts(shed_connections=1),
        InterceptionCounts(unknown_connections=1),
        InterceptionCounts(blind_nanoseconds=1),
        InterceptionCounts(opaque_connections={"tls": 1}),
    ],
)
def test_whether_anything_was_not_read_is_known_as_fast(counts: InterceptionCounts) -> None:
    read = Figures(begun=1, interception=InterceptionCounts(accepted=5, bytes_to_model=9))
    some = Figures(begun=1, interception=counts)

    assert not NOTHING_PACKED.has_unread
    assert not PackedFigures(read).has_unread
    assert not PackedFigures(read).plus(read).has_unread
    assert PackedFigures(some).has_unread
    assert PackedFigures(some).plus(read).has_unread
    assert PackedFigures(read).plus(some).has_unread
    assert PackedFigures(Figures(begun=2**70, interception=counts)).has_unread


@pytest.mark.parametrize("number", [1, 2, 20])
def test_how_many_requests_there_were_is_known_without_all_the_rest(number: int) -> None:
    parts = [_figures(seed) for seed in range(number)]
    absurd = Figures(begun=2**70, outcomes={"ok": 2})
    summed = NOTHING_PACKED
    for one in parts:
        summed = summed.plus(one)

    expected = total(parts)
    assert summed.requests == (expected.begun, expected.ended)
    assert NOTHING_PACKED.requests == (0, 0)
    assert summed.plus(absurd).requests == (expected.begun + 2**70, expected.ended + 2)
