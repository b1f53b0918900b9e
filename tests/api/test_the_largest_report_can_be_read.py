from __future__ import annotations

import msgspec
import pytest

from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.report import (
    BYTES_LIMIT,
    Identity,
    InterceptionState,
    Live,
    Report,
    UnreadableReport,
    decode,
    encode,
)
from llmmonitor_api.report.totals import SERIES_LIMIT, Totals, TrafficSeries, series_key


def dense(smallest: float, largest: float) -> Histogram:
    """Every bucket between two values that a busy server could fill, each with a large count."""
    histogram = Histogram()
    value = smallest
    while value < largest:
        histogram.record(value, 123_456)
        value *= 1.02
    return histogram


def series(number: int) -> TrafficSeries:
    model = f"organisation/a-model-with-a-long-name-{number:04}"
    return TrafficSeries(
        operation="chat",
        provider="openai",
        request_model=model,
        response_model=model,
        stream=True,
        outcomes={"ok": 10**9, "aborted": 10**6},
        time_to_first_token=dense(0.005, 60),
        time_to_first_content=dense(0.005, 60),
        time_per_output_token=dense(0.002, 1),
        gaps=dense(0.0001, 10),
        duration=dense(0.01, 600),
        prompt_tokens=dense(1, 131_072),
        completion_tokens=dense(1, 32_768),
    )


def report(totals: Totals) -> Report:
    identity = Identity("u" * 36, "p" * 253, "b" * 32, 1.0, 1, "0.1.0", 1)
    return Report(identity, 2.0, 1.0, totals, Live(), InterceptionState("transparent", reading=True))


def test_a_report_with_every_series_full_is_within_what_a_reader_accepts() -> None:
    all_series = {
        series_key("chat", "openai", one.request_model, one.response_model, stream=True): one
        for one in map(series, range(SERIES_LIMIT))
    }

    longest = 2**63 - 1
    totals = Totals(traffic=all_series, busy_nanoseconds=longest, observed_nanoseconds=longest)

    encoded = encode(report(totals))

    assert len(encoded) <= BYTES_LIMIT
    assert len(decode(encoded).totals.traffic) == SERIES_LIMIT


def test_a_report_from_before_busy_time_was_told_is_read_and_so_is_one_of_a_later_version() -> None:
    plain = msgspec.json.decode(encode(report(Totals(begun=3, observed_nanoseconds=7))))
    del plain["totals"]["observed_nanoseconds"]
    plain["totals"]["of_tomorrow"] = 1

    totals = decode(msgspec.json.encode(plain)).totals

    assert (totals.begun, totals.busy_nanoseconds, totals.observed_nanoseconds) == (3, 0, 0)


def test_a_report_that_cannot_be_used_is_refused_with_why() -> None:
    newer = msgspec.structs.replace(report(Totals()), version=99)

    for data, why in (
        (b"x" * (BYTES_LIMIT + 1), "the limit is"),
        (encode(newer), "report version 99"),
        (b"<html>", "not a report"),
        (b'{"version": 1, "histogram_layout": 1}', "not a report"),
    ):
        with pytest.raises(UnreadableReport, match=why):
            decode(data)
