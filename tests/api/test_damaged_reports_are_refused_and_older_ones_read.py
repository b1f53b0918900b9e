from __future__ import annotations

import json

import msgspec
import pytest
from tests.api.full_report import OUTCOMES, engine, report

from llmmonitor_api.report.engine_counts import BOUNDS_LIMIT, REASONS_LIMIT, EngineCounts
from llmmonitor_api.report.features import BUCKETS_LIMIT, FEATURES_LIMIT, STRATA_LIMIT, FeatureCounts
from llmmonitor_api.report.interactions import FINDINGS_LIMIT, KINDS_LIMIT, InteractionCounts
from llmmonitor_api.report.live_outcomes import LiveOutcomes
from llmmonitor_api.report.report import BYTES_LIMIT, UnreadableReport, decode, encode
from llmmonitor_api.report.totals import ObjectiveCounts, Totals


def assert_refused(field: str, damaged: dict[str, object]) -> None:
    """With this in place of what the totals have in the field."""
    document = json.loads(encode(report(Totals())))
    document["totals"][field] = damaged

    with pytest.raises(UnreadableReport, match="not a report"):
        decode(json.dumps(document).encode())


def test_counts_of_an_objective_from_before_it_could_be_of_some_requests_are_read() -> None:
    document = json.loads(
        encode(report(Totals(objectives={"k": ObjectiveCounts("o", "ErrorRate", "", 1, 2)})))
    )
    assert set(document["totals"]["objectives"]["k"]) == {"name", "signal", "threshold", "good", "bad"}

    (counts,) = decode(json.dumps(document).encode()).totals.objectives.values()

    assert (counts.models, counts.operations) == ("", "")


@pytest.mark.parametrize(
    "damaged",
    [
        {"prompt_tokens": -1},
        {"restarts": 2**63},
        {"finished_requests": {str(n): 1 for n in range(REASONS_LIMIT + 2)}},
        {"finished_requests": {"stop": -1}},
        {"finished_requests": {"x" * 300: 1}},
        {"time_to_first_token": {"sum_nano": -1}},
        {"time_to_first_token": {"buckets": {"-5": 1}}},
        {"time_per_output_token": {"buckets": {str(n): 1 for n in range(BOUNDS_LIMIT + 1)}}},
    ],
)
def test_a_damaged_count_of_an_engine_is_refused(damaged: dict[str, object]) -> None:
    assert_refused("engine", damaged)


@pytest.mark.parametrize(
    "damaged",
    [
        {"requests": -1},
        {"counts": {"x" * 300: {"1": 1}}},
        {"counts": {"Turns": {"1": -1}}},
        {"counts": {"Turns": {str(n): 1 for n in range(BUCKETS_LIMIT + 1)}}},
        {"counts": {str(n): {} for n in range(FEATURES_LIMIT + 1)}},
        {"completions": {"-1": {}}},
        {"texts": -1},
        {"known": {"Vocabulary": -1}},
        {"known": {str(n): 1 for n in range(FEATURES_LIMIT + 1)}},
        {"completions": {"1000000": {}}},
        {"completions": {str(n): {} for n in range(STRATA_LIMIT + 1)}},
    ],
)
def test_a_damaged_count_of_features_is_refused(damaged: dict[str, object]) -> None:
    assert_refused("features", damaged)


@pytest.mark.parametrize(
    "damaged",
    [
        {"exchanges": -1},
        {"kinds": {"jailbreak": {"flagged": -1}}},
        {"kinds": {"jailbreak": 1}},
        {"kinds": {str(n): {} for n in range(KINDS_LIMIT + 1)}},
        {"findings": {"x" * 257: 1}},
        {"findings": {str(n): 1 for n in range(FINDINGS_LIMIT + 1)}},
    ],
)
def test_a_damaged_count_of_interactions_is_refused(damaged: dict[str, object]) -> None:
    assert_refused("interactions", damaged)


def test_a_report_of_a_sidecar_without_detectors_is_read() -> None:
    document = json.loads(encode(report(Totals())))
    document["totals"].pop("interactions", None)
    document.pop("interactions", None)

    decoded = decode(json.dumps(document).encode())

    assert (decoded.totals.interactions, decoded.interactions) == (InteractionCounts(), None)


@pytest.mark.parametrize(
    "damaged",
    [{"answers": -1}, {"given": {"x" * 257: 1}}, {"given": {str(n): 1 for n in range(9)}}, {"rated": "many"}],
)
def test_a_damaged_count_of_outcomes_is_refused(damaged: dict[str, object]) -> None:
    assert_refused("live_outcomes", damaged)


def test_a_report_without_what_came_later_is_read() -> None:
    document = json.loads(encode(report(Totals(engine=engine(), live_outcomes=OUTCOMES))))
    del document["totals"]["engine"], document["totals"]["features"], document["totals"]["live_outcomes"]

    totals = decode(json.dumps(document).encode()).totals
    assert (totals.engine, totals.features) == (EngineCounts(), FeatureCounts())
    assert totals.live_outcomes == LiveOutcomes()


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
