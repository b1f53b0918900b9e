"""A report at a glance is the report, without what it leaves out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.api.full_report import (
    LIVE,
    PROBING,
    RESOURCES,
    interactions,
    interactions_now,
    objectives,
    report,
    series,
)

from llmmonitor_api.report.glance import Glance, GlancedObjective, GlancedTotals, glance
from llmmonitor_api.report.report import (
    BYTES_LIMIT,
    Engine,
    Report,
    UnreadableReport,
    decode,
    encode,
)
from llmmonitor_api.report.totals import InterceptionCounts, Totals

TOTALS = Totals(
    begun=9,
    traffic={"one": series(1)},
    objectives=objectives(),
    interception=InterceptionCounts(accepted=9, step_asides=1),
    interactions=interactions(),
)
FULL = msgspec.structs.replace(
    report(TOTALS),
    resources=RESOURCES,
    engine=Engine(name="vLLM", kv_cache_use=0.5),
    live=LIVE,
    interactions=interactions_now(),
    probing=PROBING,
    since=7,
    system_fingerprint="fp-1",
)
PLAIN: dict[str, Any] = msgspec.json.decode(encode(FULL))


def _is_the_same(whole: Report, seen: Glance) -> None:
    for name in set(Glance.__struct_fields__) - {"totals"}:
        assert getattr(seen, name) == getattr(whole, name), name
    for name in set(GlancedTotals.__struct_fields__) - {"objectives"}:
        assert getattr(seen.totals, name) == getattr(whole.totals, name), name
    assert seen.totals.objectives == {
        key: GlancedObjective(one.good, one.bad) for key, one in whole.totals.objectives.items()
    }


def test_every_field_is_what_the_whole_report_has() -> None:
    _is_the_same(decode(encode(FULL)), glance(encode(FULL)))


def test_what_a_report_may_leave_out_is_left_out_alike() -> None:
    needed = {one.name for one in msgspec.structs.fields(Report) if one.required} - {"totals"}
    document = msgspec.json.encode(
        {name: PLAIN[name] for name in needed}
        | {"totals": {"objectives": {"a": {"name": "a", "signal": "s", "threshold": ""}}}}
    )

    _is_the_same(decode(document), glance(document))


def test_it_reads_no_histogram() -> None:
    series = {**next(iter(PLAIN["totals"]["traffic"].values())), "duration": "garbage"}
    document = msgspec.json.encode({**PLAIN, "totals": {**PLAIN["totals"], "traffic": {"one": series}}})

    assert glance(document).totals.begun == FULL.totals.begun
    with pytest.raises(UnreadableReport, match="duration"):
        decode(document)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a report"),
        (b"\xff\xfe", "not a report"),
        (b"[" * 100_000, "not a report"),
        (b" " * (BYTES_LIMIT + 1), "the limit is"),
        (msgspec.json.encode({**PLAIN, "version": 99}), "report version 99"),
        (msgspec.json.encode({**PLAIN, "live": {"in_flight": -1}}), "in_flight"),
        (msgspec.json.encode({**PLAIN, "totals": {"objectives": {"a": {"bad": -1}}}}), "bad"),
        (msgspec.json.encode({**PLAIN, "histogram_layout": 99, "live": None}), "layout 99"),
    ],
)
def test_what_is_no_report_is_refused_alike(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableReport, match=words):
        glance(data)
    with pytest.raises(UnreadableReport, match=words):
        decode(data)
