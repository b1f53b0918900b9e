"""Statistics of the benches: paired ratios, bootstrap intervals and verdicts."""

import math
import random
import statistics
from pathlib import Path

import msgspec
import pytest
from bench import results
from bench.comparison import Measured, Target, digits, rows
from bench.measure.statistics import bootstrap, estimate, quantile, ratios, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

FINITE = st.floats(min_value=0.001, max_value=1e6)


@given(st.lists(FINITE, min_size=1, max_size=50), st.floats(min_value=0, max_value=1))
def test_a_quantile_lies_between_the_extremes_and_grows_with_its_share(
    values: list[float], share: float
) -> None:
    found = quantile(values, share)

    assert min(values) <= found <= max(values) * (1 + 1e-12)
    assert quantile(values, 0) == min(values)
    assert quantile(values, 1) == max(values)
    assert quantile(values, share / 2) <= found * (1 + 1e-12)


def test_a_quantile_interpolates_between_neighbours() -> None:
    assert quantile([10, 20, 30, 40], 0.5) == 25
    assert math.isnan(quantile([], 0.5))


@settings(max_examples=15)
@given(st.lists(FINITE, min_size=1, max_size=9))
def test_the_interval_of_a_median_lies_within_the_values_and_is_reproducible(values: list[float]) -> None:
    low, high = bootstrap(values)

    assert min(values) <= low <= high <= max(values)
    assert bootstrap(values) == (low, high)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    chance = random.Random(3)

    covered = 0
    for _ in range(60):
        low, high = bootstrap([chance.gauss(10, 1) for _ in range(15)])
        covered += low <= 10 <= high

    assert covered >= 51  # 95 % of 60 is 57; fewer than 51 has a probability below 1 %


def test_added_time_is_the_excess_over_the_direct_path() -> None:
    found = ratios([130, 150], [120, 140], [100, 100])

    assert found == [1.5, 1.25]


def test_a_round_in_which_the_peer_added_nothing_has_no_ratio() -> None:
    found = ratios([130, 130], [100, 120], [100, 100])

    assert math.isnan(found[0])
    kept = estimate(found)
    assert kept is not None
    assert (kept.median, kept.rounds) == (1.5, 1)


@pytest.mark.parametrize(
    ("values", "at_least", "expected"),
    [
        ([0.9, 0.95, 0.97, 0.98, 0.99], False, "met"),
        ([1.1, 1.2, 1.3, 1.4, 1.5], False, "missed"),
        ([0.8, 0.9, 1.05, 1.2, 1.3], False, "indistinguishable"),
        ([1.1, 1.2, 1.3, 1.4, 1.5], True, "met"),
        ([0.9, 0.95, 0.97, 0.98, 0.99], True, "missed"),
    ],
)
def test_a_target_is_met_only_by_the_whole_interval(
    values: list[float],
    at_least: bool,  # noqa: FBT001 - a parameter of the table above
    expected: str,
) -> None:
    found = estimate(values)

    assert found is not None
    assert verdict(found, 1.0, at_least=at_least) == expected


def test_an_a_a_row_stands_beside_the_row_with_the_target() -> None:
    measured = Measured(
        "CPU per token",
        "µs",
        {"relay": [10.0] * 7, "relay again": [11.0] * 7, "envoy": [20.0] * 7},
        [Target("relay", "envoy", 1.0)],
    )

    again, row = rows(measured, {})

    assert again.peer_name == "relay, measured again (A/A)"
    assert again.ratio == pytest.approx(1.1)
    assert (row.ours, row.peer, row.ratio, row.met, row.n) == (10.0, 20.0, 0.5, True, 7)
    assert row.aa_interval == again.interval


def test_too_few_rounds_meet_no_target() -> None:
    measured = Measured("x", "s", {"relay": [1.0], "envoy": [2.0]}, [Target("relay", "envoy", 1.0)])

    (row,) = rows(measured, {})

    assert row.met == "indistinguishable"
    assert "| not judged: n=1 |" in results.ratio_line(row)


def test_a_peer_that_cannot_be_had_leaves_its_reason() -> None:
    measured = Measured("x", "s", {"relay": [1.0] * 7}, [Target("relay", "envoy", 1.0)])

    row = rows(measured, {"envoy": "envoy: its environment is missing"})[0]

    assert row.ratio is None
    assert row.met is None
    assert row.reason == "envoy: its environment is missing"


@pytest.mark.parametrize(("ours", "reason"), [(30.0, "it does more"), (10.0, "")])
def test_only_a_target_that_is_missed_has_the_reason_for_it(ours: float, reason: str) -> None:
    values = {"relay": [ours] * 7, "envoy": [20.0] * 7}

    (row,) = rows(Measured("x", "s", values, [Target("relay", "envoy", 1.0, if_missed="it does more")]), {})

    assert row.met is (ours < 20.0)
    assert row.reason == reason


WITH_TABLES_OF_THEIR_OWN = {
    *("anomalies", "canaries", "detectors", "drift", "gpu", "gpu_real", "text_drift", "versions")
}
RATIOS = [one for one in sorted(results.DIRECTORY.glob("*.json")) if one.stem not in WITH_TABLES_OF_THEIR_OWN]


@pytest.mark.parametrize("path", RATIOS, ids=lambda path: path.stem)
def test_every_target_that_the_last_results_miss_is_there_with_its_reason(path: Path) -> None:
    last = msgspec.json.decode(path.read_bytes(), type=results.Results)

    without = [
        f"{row.name}, {row.subject}" for row in last.figures if not row.met and row.target and not row.reason
    ]
    assert not without
    assert path.with_suffix(".md").read_text() == results.markdown(path.stem, last)


@given(FINITE)
def test_three_digits_are_kept(value: float) -> None:
    assert digits(value) == pytest.approx(value, rel=0.005)
    assert statistics.median([digits(value)]) == digits(digits(value))
