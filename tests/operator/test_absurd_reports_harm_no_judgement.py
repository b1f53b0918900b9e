"""One damaged or hostile sidecar costs its own report: what is decoded at all can be judged and written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.operator.conftest import OBJECTIVES
from tests.operator.full_report import DOCUMENT, NOW, PATHS, Key, changed, full_report, readable

from llmmonitor_api.report.engine_counts import REASONS_LIMIT, EngineCounts
from llmmonitor_api.report.features import PROMPT_TOKENS
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import LARGEST, Histogram
from llmmonitor_api.report.report import (
    Report,
    UnreadableReport,
    decode,
)
from llmmonitor_api.report.requests import DETAILS_LIMIT, RequestCounts
from llmmonitor_api.spec import load_monitor
from llmmonitor_operator import checkpoint
from llmmonitor_operator.engine_figures import total_engine
from llmmonitor_operator.evaluate import Environment, ExpectedPod, evaluate
from llmmonitor_operator.evaluate.memory_forecast import forecast
from llmmonitor_operator.figures import figures_of
from llmmonitor_operator.gather.absorb import absorb
from llmmonitor_operator.gather.plausible import LIMIT, NANOSECONDS_LIMIT
from llmmonitor_operator.packed_figures import written_out
from llmmonitor_operator.state import State

MONITOR = load_monitor(
    {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "performance": {"objectives": list(OBJECTIVES)}},
    }
)
ABSURD = [
    -1,
    -1e9,
    1e300,
    -1e300,
    2**63,
    2**64,
    10**30,
    -(2**63),
    "",
    "m" * 5_000,
    "\u202e\x00",
    None,
    [],
    {},
]


def test_the_report_itself_foretells_a_full_memory() -> None:
    assert forecast(full_report()) is not None, "else nothing here shows what absurd figures do to a forecast"


def _judge(report: Report) -> None:
    state = absorb(State(), report, NOW, pod_uid="uid")
    pods = (ExpectedPod(uid="uid", name="pod", expected_since=NOW - 300),)
    for later in (0.0, 1.0, 600.0):
        evaluation = evaluate(MONITOR, state, NOW + later, Environment(cluster=False, pods=pods))
        json.dumps(evaluation.status, allow_nan=False)
        state = evaluation.state


_TREND = ("bytes_per_second", "low", "high", "samples", "span_seconds")


@pytest.mark.parametrize("path", [path for path in PATHS if path[0] == "totals"])
@pytest.mark.parametrize("value", [2**62, 2**63 - 1])
def test_sums_of_many_pods_that_nothing_holds_end_no_pass_and_no_checkpoint(
    path: tuple[Key, ...], value: int
) -> None:
    report = readable(path, value)
    if report is None:
        return
    state = State()
    for pod in ("uid", "two", "three", "four", "five"):
        of_pod = msgspec.structs.replace(report.identity, pod_uid=pod)
        state = absorb(state, msgspec.structs.replace(report, identity=of_pod), NOW, pod_uid=pod)

    state = evaluate(MONITOR, state, NOW, Environment(cluster=False)).state

    checkpoint.decode(checkpoint.encode(state).data)


@pytest.mark.parametrize(
    "path",
    [
        ("totals", "begun"),
        ("totals", "traffic", "k", "outcomes", "ok"),
        ("totals", "traffic", "k", "duration", "zero"),
        ("totals", "traffic", "k", "duration", "sum_nano"),
        ("totals", "objectives", "o", "good"),
        ("totals", "features", "counts", PROMPT_TOKENS, "3"),
    ],
)
def test_a_pod_that_lies_is_named_and_the_others_figures_stay_right(path: tuple[Key, ...]) -> None:
    honest, liar = decode(DOCUMENT), decode(changed(path, 2**62))
    alone = absorb(State(), honest, NOW, pod_uid="uid")

    of_liar = msgspec.structs.replace(liar.identity, pod_uid="liar")
    state = absorb(alone, msgspec.structs.replace(liar, identity=of_liar), NOW, pod_uid="liar")

    assert (state.counts, state.figures, state.drift) == (alone.counts, alone.figures, alone.drift)
    assert "no sidecar counts more than" in state.pods["liar"].refused
    assert str(path[-1]) in state.pods["liar"].refused or path[-1] in {"ok", "zero"}
    checkpoint.decode(checkpoint.encode(state).data)


@given(st.permutations(range(3)))
def test_pods_whose_engines_name_other_reasons_each_end_no_pass_and_no_checkpoint(order: list[int]) -> None:
    """Each names as many as a report may."""
    engines = [
        EngineCounts(finished_requests={f"{pod} of {number}": 1 for number in range(REASONS_LIMIT + 1)})
        for pod in range(3)
    ]
    state = State()
    for pod in order:
        said = decode(DOCUMENT)
        identity = msgspec.structs.replace(said.identity, pod_uid=str(pod))
        totals = msgspec.structs.replace(said.totals, engine=engines[pod])
        said = msgspec.structs.replace(said, identity=identity, totals=totals)
        state = absorb(state, said, NOW, pod_uid=str(pod))

    state = evaluate(MONITOR, state, NOW, Environment(cluster=False)).state
    found = checkpoint.decode(checkpoint.encode(state).data).window(600).engine.finished_requests
    assert sum(found.values()) == 3 * (REASONS_LIMIT + 1)
    assert found == state.window(600).engine.finished_requests
    assert found == total_engine(engines).finished_requests


def test_a_pod_that_breaks_other_checks_each_time_fills_no_memory() -> None:
    """It says what came since the report before, and each time of as many as a report may have."""
    state, said = State(), decode(DOCUMENT)
    for number in range(4):
        details = {f"roles: {number} {of}": 1 for of in range(DETAILS_LIMIT)}
        identity = msgspec.structs.replace(said.identity, sequence=1 + number)
        totals = msgspec.structs.replace(
            said.totals, requests=RequestCounts(setting="s", exchanges=1, details=details)
        )
        since = number or None
        report = msgspec.structs.replace(said, identity=identity, totals=totals, since=since)
        state = absorb(state, report, NOW, pod_uid="uid")

    newest = state.pods["uid"].newest
    assert newest is not None
    assert newest.sequence == 4
    assert newest.requests is not None
    assert len(newest.requests.details) == DETAILS_LIMIT


def _beyond(value: object, at: str = "") -> bool:
    """Whether a number of what is kept is beyond its limit, each looked at by itself."""
    if isinstance(value, Histogram):
        return value.count > LIMIT or value.sum_nano > value.count * round(LARGEST * 1e9)
    if isinstance(value, int):
        return value > (NANOSECONDS_LIMIT if at.endswith("_nanoseconds") else LIMIT)
    if isinstance(value, dict):
        return any(_beyond(one, str(key)) for key, one in value.items())
    if isinstance(value, msgspec.Struct):
        return any(_beyond(getattr(value, name), name) for name in value.__struct_fields__)
    return False


@given(
    st.sampled_from([path for path in PATHS if path[0] == "totals"]),
    st.sampled_from([0, LIMIT - 1, LIMIT, LIMIT + 1, 2**60 + 2**59, 2**62, 2**62 + 1, 2**63 - 1, 2**70])
    | st.integers(0, 2**64),
)
@example(("totals", "traffic", "k", "duration", "sum_nano"), 10**19)
@example(("totals", "interception", "blind_nanoseconds"), 2**62)
@example(("totals", "requests", "details", "roles: developer"), LIMIT + 1)
def test_the_same_counts_are_refused_as_if_each_were_looked_at_alone(
    path: tuple[Key, ...], value: int
) -> None:
    report = readable(path, value)
    if report is None:
        return
    totals = report.totals
    kept = figures_of(totals), totals.objectives, totals.features, totals.requests

    refused = absorb(State(), report, NOW, pod_uid="uid").pods["uid"].refused

    assert ("no sidecar counts more than" in refused) == any(map(_beyond, kept))


@given(st.sampled_from(PATHS), st.sampled_from(ABSURD) | st.integers() | st.floats(allow_nan=False))
@example(("live", "in_flight"), -1)
@example(("engine", "model"), "/models/" * 100)
@example(("identity", "started_at"), -1e11)
@example(("resources", "memory_trends"), [dict.fromkeys(_TREND, 0) | {"low": 1, "span_seconds": 9}])
def test_whatever_can_be_read_can_be_judged(path: tuple[Key, ...], value: Any) -> None:
    report = readable(path, value)
    if report is None:
        return
    _judge(report)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("identity", "pod_name"), "p" * 300),
        (("identity", "container"), "c" * 300),
        (("identity", "trusted_keys"), ["k"] * 5),
        (("identity", "started_at"), -1e11),
        (("at",), 1e18),
        (("live", "in_flight"), -1),
        (("interception", "read_connections"), -5),
        (("resources", "cpu_throttled_share"), -0.5),
        (("resources", "memory_used_bytes"), -1),
        (("resources", "memory_held_bytes"), 2**63),
        (("resources", "pressure", "memory", "some_60s"), 1.5),
        (("live", "saturation", "waiting_per_minute"), 1e300),
        (("totals", "missed_objectives"), -1),
        (("engine", "waiting"), 2**63),
        (("gpus", "devices", 0, "utilisation"), 1.5),
        (("gpus", "devices", 0, "instances"), [{"uuid": "MIG", "utilisation": 1.5}]),
        (("gpus", "devices", 0, "energy_joules"), -1.0),
        (("gpus", "devices"), [{"uuid": "GPU"}] * 17),
        (("totals", "traffic", "k", "outcomes"), {"ok": -1}),
        (("totals", "traffic", "k", "duration", "buckets"), {"900000": 1}),
        (("totals", "traffic", "k", "duration", "buckets"), {"5": -1}),
    ],
)
def test_what_cannot_be_is_refused_with_the_place(path: tuple[Key, ...], value: Any) -> None:
    with pytest.raises(UnreadableReport, match=str(path[-1])):
        decode(changed(path, value))


def test_the_report_itself_is_read() -> None:
    assert decode(DOCUMENT) == full_report()


@pytest.mark.parametrize(
    "damaged",
    [
        DOCUMENT.replace(b'"pod"', b'"\xff\xfe"'),
        b'{"of a later version":' + b"[" * 200_000,
        DOCUMENT[:-1] + b',"of a later version":' + b'{"a":' * 100_000,
        b'{"version":' * 100_000,
        b"\xff",
    ],
)
def test_bytes_that_are_no_text_and_endless_depths_are_no_report(damaged: bytes) -> None:
    with pytest.raises(UnreadableReport):
        decode(damaged)


MANY = [f"{'n' * 40}{number}" for number in range(20_000)]
LONG = "m" * 1_000_000


def _counted(names: list[str]) -> dict[str, int]:
    return dict.fromkeys(names, 1)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("interception", "message"), LONG),
        (("resources", "reason"), LONG),
        (("resources", "pressure"), {name: {"of": "node"} for name in MANY}),
        (("resources", "pressure"), {LONG: {"of": LONG}}),
        (("totals", "traffic", "k", "forms_checked"), _counted(MANY)),
        (("engine", "version"), LONG),
        (("engine", "missing"), MANY),
        (("gpus", "reason"), LONG),
        (("gpus", "exporter_error"), LONG),
        (("gpus", "devices"), [{"uuid": name} for name in MANY]),
        (("gpus", "devices", 0, "problem"), LONG),
        (("gpus", "devices", 0, "slowdowns"), dict.fromkeys(MANY, 0.5)),
        (("engine", "finished_requests"), _counted(MANY)),
        (("totals", "traffic", "k", "outcomes"), _counted(MANY)),
        (("totals", "traffic", "k", "token_sources"), _counted(MANY)),
        (("totals", "traffic", "k", "finish_reasons"), {"counts": _counted(MANY)}),
        (("totals", "traffic", "k", "finish_reasons"), {"counts": _counted([LONG])}),
        (("totals", "interception"), {"opaque_connections": _counted(MANY)}),
        (("totals", "interception"), {"malformed": {"counts": _counted([LONG])}}),
        (("totals", "objectives"), {name: {"name": "", "signal": "", "threshold": ""} for name in MANY}),
    ],
)
def test_little_is_kept_of_a_report_that_is_mostly_names(path: tuple[Key, ...], value: Any) -> None:
    document = changed(path, value)
    assert len(document) > 500_000

    try:
        state = absorb(State(), decode(document), NOW, pod_uid="uid")
    except UnreadableReport:
        return

    assert len(msgspec.json.encode(state.pods, enc_hook=written_out)) < 100_000


def test_long_reasons_are_counted_without_their_names() -> None:
    table = FrequencyTable({"stop": 3, "m" * 100: 2})
    report = decode(changed(("totals", "traffic", "k", "finish_reasons"), msgspec.to_builtins(table)))

    [boot] = absorb(State(), report, NOW, pod_uid="uid").pods["uid"].boots

    assert boot.figures.finish_reasons == FrequencyTable({"stop": 3}, other=2)
