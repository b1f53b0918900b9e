from __future__ import annotations

import pytest

from llmmonitor_api.report.histogram import Interval
from llmmonitor_operator.evaluate import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (16.2345, "16.2"),
        (0.0123456, "0.0123"),
        (4214.4, "4,210"),
        (99.96, "100"),
        (2.0, "2"),
        (1e-9, "0.000000001"),
        (1234567, "1,230,000"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.3149, "2.31 s"), (0.23, "230 ms"), (8.5e-5, "85 µs"), (0.0, "0 µs"), (312.4, "312 s")],
)
def test_a_latency_has_the_unit_that_fits(seconds: float, text: str) -> None:
    assert wording.latency(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1.94, 2.86, "2.31 s (1.9–2.9)"),  # noqa: RUF001 - a range
        (1.94, None, "2.31 s (above 1.9)"),
        (None, 2.86, "2.31 s (below 2.9)"),
        (None, None, "2.31 s"),
    ],
)
def test_a_quantile_carries_its_interval_in_the_same_unit(
    low: float | None, high: float | None, text: str
) -> None:
    assert wording.latency_with_interval(2.31, Interval(low, high)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30, "30 s"),
        (0, "0 s"),
        (360, "6 min"),
        (5040, "1 h 24 min"),
        (3 * 86_400, "3 d"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_shares_sizes_counts_and_lists() -> None:
    assert wording.share(0.925) == "92.5 %"
    assert wording.size(1.2 * (1 << 30)) == "1.2 GiB"
    assert wording.size(91) == "91 B"
    assert wording.counted(1, "pod") == "1 pod"
    assert wording.counted(4210, "request") == "4,210 requests"
    assert wording.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert wording.quantile_name(0.999) == "p99.9"


def test_a_proportions_interval_is_wilsons() -> None:
    # Wilson's interval of 10 in 100 (Newcombe 1998, method 3): 0.0552 to 0.1744
    low, high = wording.wilson_interval(10, 100)

    assert low == pytest.approx(0.0552, abs=1e-4)
    assert high == pytest.approx(0.1744, abs=1e-4)
    assert wording.wilson_interval(0, 10)[0] == 0
    assert wording.wilson_interval(10, 10)[1] == 1
