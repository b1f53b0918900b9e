from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.report.frequency import LIMIT, FrequencyTable
from llmmonitor_api.report.histogram import LARGEST, RELATIVE_ERROR, SMALLEST, Histogram
from llmmonitor_api.report.merge import CountersWentBack, add, since
from llmmonitor_api.report.totals import (
    InterceptionCounts,
    ObjectiveCounts,
    Totals,
    TrafficSeries,
    objective_key,
    series_key,
)

values = st.one_of(st.floats(0, 1e10, allow_nan=False), st.just(0.0))
counts = st.integers(0, 10**12)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    histogram = Histogram()
    for value in draw(st.lists(values, max_size=6)):
        histogram.record(value, draw(st.integers(1, 5)))
    return histogram


@st.composite
def tables(draw: st.DrawFn) -> FrequencyTable:
    table = FrequencyTable(other=draw(counts))
    for key in draw(st.lists(st.sampled_from("abcdefgh"), max_size=8)):
        table.record(key, limit=5)
    return table


@st.composite
def totals(draw: st.DrawFn) -> Totals:
    result = Totals(interception=InterceptionCounts(accepted=draw(counts), malformed=draw(tables())))
    for model in draw(st.sets(st.sampled_from(["a", "b", "other"]), max_size=2)):
        result.traffic[series_key("chat", "openai", model, model, stream=True)] = TrafficSeries(
            operation="chat",
            provider="openai",
            request_model=model,
            response_model=model,
            stream=True,
            empty=draw(counts),
            outcomes=draw(st.dictionaries(st.sampled_from(["ok", "aborted"]), st.integers(1, 99))),
            finish_reasons=draw(tables()),
            duration=draw(histograms()),
        )
    for name in draw(st.sets(st.sampled_from(["x", "y"]))):
        result.objectives[objective_key(name, "ErrorRate", "")] = ObjectiveCounts(
            name=name, signal="ErrorRate", threshold="", good=draw(counts), bad=draw(counts)
        )
    return result


@given(totals(), totals(), totals())
def test_adding_is_associative_and_commutative_and_has_a_zero(a: Totals, b: Totals, c: Totals) -> None:
    assert add(add(a, b), c) == add(a, add(b, c))
    assert add(a, b) == add(b, a)
    assert add(a, Totals()) == a == add(Totals(), a)


@given(totals(), totals())
def test_a_difference_added_back_gives_the_newer_report(older: Totals, happened: Totals) -> None:
    newer = add(older, happened)

    assert add(older, since(newer, older)) == newer


def test_a_counter_that_went_back_is_refused() -> None:
    older = Totals(interception=InterceptionCounts(accepted=5))
    newer = Totals(interception=InterceptionCounts(accepted=3))

    with pytest.raises(CountersWentBack, match=r"interception\.accepted: 3 after 5"):
        since(newer, older)


@given(st.lists(st.lists(st.integers(0, 3 * LIMIT), max_size=LIMIT), min_size=3, max_size=3))
def test_a_table_stays_bounded_and_merges_in_any_order_even_past_its_bound(parts: list[list[int]]) -> None:
    a, b, c = (FrequencyTable(counts={f"key-{k}": 1 for k in keys}) for keys in parts)

    left, right = add(add(a, b), c), add(b, add(c, a))

    assert left == right
    assert len(left.counts) <= LIMIT
    assert left.total == a.total + b.total + c.total


@given(st.lists(st.floats(SMALLEST, LARGEST), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_within_the_stated_relative_error(sample: list[float], q: float) -> None:
    histogram = Histogram()
    for value in sample:
        histogram.record(value)

    truth = sorted(sample)[max(1, math.ceil(q * len(sample))) - 1]

    estimate = histogram.quantile(q)
    assert estimate is not None
    assert abs(estimate - truth) <= RELATIVE_ERROR * truth * (1 + 1e-9)


def test_the_interval_of_a_quantile_is_the_textbook_one_and_open_where_the_sample_is_small() -> None:
    histogram = Histogram()
    for value in range(1, 101):
        histogram.record(value)

    median, p99 = histogram.quantile_interval(0.5), histogram.quantile_interval(0.99)

    assert median.low == pytest.approx(40, rel=0.01)  # ranks 40 and 61: Hahn, Meeker, table A.15
    assert median.high == pytest.approx(61, rel=0.01)
    assert p99.low == pytest.approx(97, rel=0.01)  # P(Binomial(100, .99) <= 96) = .018 <= .025
    assert p99.high is None  # 100 values cannot bound a p99 from above at 95 %
    assert Histogram().quantile(0.5) is None


@given(
    st.lists(st.floats(0, 1e10), max_size=60),
    st.lists(st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]), min_size=1, max_size=4),
)
def test_quantiles_asked_for_at_once_are_those_asked_for_one_by_one(
    sample: list[float], qs: list[float]
) -> None:
    histogram = Histogram()
    for value in sample:
        histogram.record(value)

    found = histogram.quantiles(qs)

    assert [value for value, _ in found] == [histogram.quantile(q) for q in qs]
    assert [interval for _, interval in found] == [histogram.quantile_interval(q) for q in qs]


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_a_histogram_refuses_what_no_duration_can_be(value: float) -> None:
    with pytest.raises(ValueError, match=">= 0"):
        Histogram().record(value)


def test_infinite_and_huge_values_are_counted_as_overflow() -> None:
    histogram = Histogram()
    histogram.record(float("inf"))
    histogram.record(1e300)

    assert histogram.overflow == 2
    assert histogram.quantile(0.5) == LARGEST


@given(histograms(), st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8))
def test_cumulative_counts_rise_to_the_whole(histogram: Histogram, bounds: list[float]) -> None:
    cumulative = histogram.cumulative(tuple(sorted(bounds)))

    assert cumulative == sorted(cumulative)
    assert histogram.cumulative((LARGEST * 2,)) == [histogram.count - histogram.overflow]


@given(totals())
def test_totals_survive_json(before: Totals) -> None:
    assert msgspec.json.decode(msgspec.json.encode(before), type=Totals) == before
