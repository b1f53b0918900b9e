from __future__ import annotations

from datetime import UTC, datetime

import pytest

from llmmonitor_cli.report.period import UnusablePeriod, period_of

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("since", "until", "days", "begin", "end"),
    [
        pytest.param(None, None, None, "2026-02-18T10:30", "2026-03-20T10:30", id="thirty days up to now"),
        pytest.param(None, None, 7, "2026-03-13T10:30", "2026-03-20T10:30", id="so many days up to now"),
        pytest.param("2026-03-01", None, None, "2026-03-01", "2026-03-20T10:30", id="from a date on"),
        pytest.param(
            "2026-02-01", "2026-02-28", None, "2026-02-01", "2026-03-01", id="a date ends with its day"
        ),
        pytest.param(
            "2026-03-01T06:00", "2026-03-01T07:00", None, "2026-03-01T06:00", "2026-03-01T07:00", id="an hour"
        ),
        pytest.param(
            "2026-03-01T06:00+02:00", None, None, "2026-03-01T04:00", "2026-03-20T10:30", id="elsewhere"
        ),
        pytest.param(None, "2026-02-28", 28, "2026-02-01", "2026-03-01", id="so many days up to a date"),
    ],
)
def test_a_period_is_what_was_written(
    since: str | None, until: str | None, days: int | None, begin: str, end: str
) -> None:
    found = period_of(since, until, days, NOW)

    assert (found.begin, found.end) == (at(begin), at(end))


@pytest.mark.parametrize(
    ("since", "until", "days", "words"),
    [
        ("2026-03-01", None, 3, "give one of them"),
        ("2026-03-05", "2026-03-01", None, "ends before it begins"),
        ("last week", None, None, "write a date such as"),
        (None, "soon", None, "--until soon"),
        ("2020-01-01", None, None, "nothing is kept for more than 400"),
    ],
)
def test_what_is_no_period_is_refused_with_the_way_out(
    since: str | None, until: str | None, days: int | None, words: str
) -> None:
    with pytest.raises(UnusablePeriod, match=words):
        period_of(since, until, days, NOW)
