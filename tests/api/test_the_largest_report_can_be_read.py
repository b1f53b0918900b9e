from __future__ import annotations

import msgspec
from tests.api.full_report import (
    BIG,
    CLIENTS,
    LIVE,
    OUTCOMES,
    PROBING,
    REQUESTS,
    RESOURCES,
    compared,
    engine,
    features,
    interactions,
    interactions_now,
    objectives,
    report,
    series,
)

from llmmonitor_api.report.probing import ProbeCounts
from llmmonitor_api.report.report import BYTES_LIMIT, decode, encode
from llmmonitor_api.report.review import ReviewState
from llmmonitor_api.report.totals import SERIES_LIMIT, Totals, series_key


def test_a_report_with_every_series_full_is_within_what_a_reader_accepts() -> None:
    all_series = {
        series_key("chat", "openai", one.request_model, one.response_model, stream=True): one
        for one in map(series, range(SERIES_LIMIT))
    }

    full = report(
        Totals(
            traffic=all_series,
            engine=engine(),
            compared=compared(),
            objectives=objectives(),
            met_objectives=2**63 - 1,
            missed_objectives=2**63 - 1,
            busy_nanoseconds=2**63 - 1,
            observed_nanoseconds=2**63 - 1,
            features=features(),
            interactions=interactions(),
            live_outcomes=OUTCOMES,
            requests=REQUESTS,
            probing_nanoseconds=2**63 - 1,
            probes=ProbeCounts(BIG, BIG, BIG, BIG, BIG, BIG),
        )
    )

    largest = msgspec.structs.replace(
        full,
        resources=RESOURCES,
        live=LIVE,
        clients=CLIENTS,
        system_fingerprint="f" * 256,
        vocabulary_key="k" * 256,
        interactions=interactions_now(),
        probing=PROBING,
        review=ReviewState(2**63 - 1, 1e12),
    )
    encoded = encode(largest)

    assert len(encoded) <= BYTES_LIMIT
    assert len(decode(encoded).totals.traffic) == SERIES_LIMIT
    assert decode(encoded).totals.engine == engine()
    assert decode(encoded).totals.features == features()
    assert decode(encoded).clients == CLIENTS
    assert len(msgspec.json.encode(CLIENTS)) < 512 * 1024
    assert decode(encoded).totals.objectives == objectives()
    assert decode(encoded).totals.interactions == interactions()
    assert decode(encoded).totals.live_outcomes == OUTCOMES
    assert decode(encoded).interactions == interactions_now()
    assert decode(encoded).totals.requests == REQUESTS
