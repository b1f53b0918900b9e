from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmmonitor_api.conditions import condition, set_condition, table
from llmmonitor_api.conditions import reasons_performance as performance
from llmmonitor_api.report.histogram import LARGEST, SMALLEST, Histogram
from llmmonitor_api.spec import DEFAULT_OBJECTIVES, ObjectiveSource
from llmmonitor_api.status import (
    Distribution,
    MonitorStatus,
    ObjectiveStatus,
    PerformanceStatus,
    PodsStatus,
    Quantile,
    StatusCondition,
    UnmonitoredPod,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STALLED = condition(
    table.PERFORMANCE_HEALTHY, performance.STALLED, "no token for 31 s", observed_generation=3
)


def test_a_status_reads_back_as_it_was_written() -> None:
    objective = DEFAULT_OBJECTIVES[1]
    status = MonitorStatus(
        observed_generation=3,
        performance=PerformanceStatus(
            time_to_first_token_seconds=Distribution(p99=Quantile(value=2.31, low=1.9, high=2.9), count=4210)
        ),
        objectives=(
            ObjectiveStatus(
                name=objective.name,
                signal=objective.signal,
                source=ObjectiveSource.DEFAULT,
                threshold=objective.threshold,
                target=objective.target,
                window=objective.window,
                good=4100,
                bad=110,
            ),
        ),
    ).with_conditions(set_condition((), STALLED, NOON))

    written = status.to_api()

    assert MonitorStatus.load(written) == status
    assert written["conditions"] == [
        {
            "type": "PerformanceHealthy",
            "status": "False",
            "reason": "Stalled",
            "message": "no token for 31 s",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-23T12:00:00Z",
        }
    ]
    assert written["objectives"] == [
        {
            "name": "first-token",
            "signal": "TimeToFirstToken",
            "source": "default",
            "threshold": "2s",
            "target": "95%",
            "window": "1d",
            "good": 4100,
            "bad": 110,
        }
    ]


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    assert "performance" not in MonitorStatus().to_api()
    assert PerformanceStatus(in_flight=0).model_dump(exclude_none=True) == {"in_flight": 0}


def test_figures_have_three_significant_digits_and_counts_are_exact() -> None:
    figures = PerformanceStatus(
        tokens_per_second=12_345.6, oldest_in_flight_seconds=0.00123456, errors=123_456
    )

    assert figures.tokens_per_second == 12_300
    assert figures.oldest_in_flight_seconds == 0.00123
    assert figures.errors == 123_456
    with pytest.raises(ValidationError, match="leave out what is not known"):
        PerformanceStatus(tokens_per_second=float("nan"))


@given(st.floats(SMALLEST, LARGEST))
def test_a_quantile_of_a_histogram_is_within_a_percent(value: float) -> None:
    histogram = Histogram()
    histogram.record(value)
    found = histogram.quantile(0.99)
    assert found is not None

    written = Quantile(value=found, low=found, high=found)

    assert written.value == pytest.approx(value, rel=0.01)
    assert written.low == written.value == written.high


def test_a_condition_goes_into_the_status_and_comes_back() -> None:
    held = set_condition((), STALLED, NOON)[0]

    assert StatusCondition.of(held).to_condition() == held
    with pytest.raises(ValidationError):
        StatusCondition.of(STALLED)  # never went through the setter: it has no transition time


def test_lists_are_capped() -> None:
    pods = tuple(UnmonitoredPod(name=f"chat-{number}", reason="Outdated") for number in range(11))

    with pytest.raises(ValidationError, match="at most 10"):
        PodsStatus(not_monitored=pods)


def test_a_status_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    status = MonitorStatus.load(
        {"observedGeneration": 2, "telepathy": {"level": 3}, "pods": {"matched": 1, "x": 2}}
    )

    assert status.observed_generation == 2
    assert status.pods == PodsStatus(matched=1)
    assert MonitorStatus.load(None) == MonitorStatus()
