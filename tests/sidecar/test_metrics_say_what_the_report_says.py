from __future__ import annotations

import itertools
import math
import subprocess

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from llmmonitor_api.report.buckets import DURATION_SECONDS, TOKENS
from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.gpus import GPU, XID, GPUs, MIGInstance
from llmmonitor_api.report.histogram import RELATIVE_ERROR, Histogram
from llmmonitor_api.report.report import (
    Engine,
    Identity,
    InterceptionState,
    Live,
    Report,
    Resources,
)
from llmmonitor_api.report.totals import (
    InterceptionCounts,
    ObjectiveCounts,
    Totals,
    TrafficSeries,
    objective_key,
)
from llmmonitor_sidecar.endpoints.metrics.exposition import exposition
from llmmonitor_sidecar.endpoints.metrics.labels import BYTES_LIMIT, label

CHAT = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "smol",
    "gen_ai_response_model": "smol",
    "gen_ai_request_stream": "true",
}
INPUT, OUTPUT = {"gen_ai_token_type": "input"}, {"gen_ai_token_type": "output"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def histogram(*values: float) -> Histogram:
    result = Histogram()
    for value in values:
        result.record(value)
    return result


def series(request_model: str = "smol", response_model: str = "smol") -> TrafficSeries:
    return TrafficSeries(
        operation="chat",
        provider="openai",
        request_model=request_model,
        response_model=response_model,
        stream=True,
        outcomes={"ok": 3, "aborted": 1},
        error_types=FrequencyTable(counts={"500": 2}, other=1),
        finish_reasons=FrequencyTable(counts={"stop": 3}),
        prompt_tokens_exact=120,
        completion_tokens_exact=60,
        completion_tokens_counted=7,
        token_sources={"usage": 3, "counted": 1},
        time_to_first_token=histogram(0.03, 0.3, 3.0, 30.0),
        time_per_output_token=histogram(0.02, 0.02),
        gaps=histogram(0.02),
        duration=histogram(0.5, 100.0),
        prompt_tokens=histogram(40, 40, 40),
        completion_tokens=histogram(20, 20, 20),
    )


def report(*traffic: TrafficSeries) -> Report:
    keyed = {str(number): one for number, one in enumerate(traffic)}
    objective = ObjectiveCounts("fast", "TimeToFirstToken", "800ms", good=9, bad=1)
    return Report(
        identity=Identity("uid", "pod", "boot", 1_800_000_000.0, 3, "0.1.0", 4),
        at=1_800_000_100.0,
        uptime_seconds=100.0,
        totals=Totals(
            begun=5,
            busy_nanoseconds=1_500_000_000,
            observed_nanoseconds=60_000_000_000,
            traffic=keyed,
            objectives={objective_key("fast", "TimeToFirstToken", "800ms"): objective},
            interception=InterceptionCounts(
                accepted=12,
                shed_bytes=7,
                blind_nanoseconds=1_500_000_000,
                relay_starts=2,
                opaque_connections={"tls": 1},
                malformed=FrequencyTable(counts={"bad_chunk": 2}, other=3),
            ),
            gpu_energy_millijoules=9_500,
            engine=EngineCounts(
                restarts=1,
                time_to_first_token=EngineHistogram(3_000_000_000, {100_000_000: 2, 2_500_000_000: 1}, 1),
            ),
            compared=Compared(
                requests=Pair(engine=20, wire=18),
                generation_tokens=Pair(engine=200, wire=180),
                uncounted_requests=3,
                first_token_nanoseconds=Pair(engine=1_500_000_000, wire=2_000_000_000),
            ),
        ),
        live=Live(in_flight=2, oldest_in_flight_seconds=1.5, seconds_without_progress=0.25),
        interception=InterceptionState(
            mode="transparent",
            reading=False,
            reason="StarvedOfCPU",
            read_connections=37,
            bypassing_connections=3,
        ),
        resources=Resources(processes_visible=True, processes=2, cpu_seconds=12.5, rss_bytes=1 << 30),
        engine=Engine("vllm", running=3, kv_cache_use=0.5, finished_requests={"stop": 8}, missing=("x",)),
        gpus=GPUs(visible=True, source="DCGM", devices=(GPU_ONE, GPU_TWO)),
    )


GPU_ONE = GPU(
    "GPU-1",
    name="H100",
    ours=True,
    utilisation=0.5,
    energy_joules=12.5,
    slowdowns={"power cap": 0.25},
    ecc_corrected=3,
    xids=(XID(31, "application", 2, 1.0),),
)
GPU_TWO = GPU(
    "GPU-2",
    index=1,
    lost=True,
    instances=(MIGInstance("MIG-1", ours=True, memory_used_bytes=7, utilisation=0.25),),
)
ENGINE, WIRE = {"counted_by": "engine"}, {"counted_by": "wire"}


REFUSALS = {("config", "forged"): 2}


def samples(of: Report, accept: str = "") -> Samples:
    body, content_type = exposition(of, REFUSALS, accept)
    parse = (
        openmetrics.text_string_to_metric_families
        if content_type.startswith("application/openmetrics-text")
        else text_string_to_metric_families
    )
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(body.decode())
        for sample in family.samples
    }


def value(of: Samples, name: str, **labels: str) -> float:
    return of[name, frozenset(labels.items())]


BOTH = pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])


@BOTH
def test_every_part_of_a_report_is_there_in_both_formats(accept: str) -> None:
    got = samples(report(series()), accept)

    assert value(got, "llm_monitor_requests_begun_total") == 5
    assert value(got, "llm_monitor_busy_seconds_total") == 1.5
    assert value(got, "llm_monitor_observed_seconds_total") == 60
    assert value(got, "llm_monitor_requests_total", **CHAT, outcome="aborted") == 1
    assert value(got, "llm_monitor_request_errors_total", **CHAT, error_type="_OTHER") == 1
    assert value(got, "llm_monitor_finish_reasons_total", **CHAT, finish_reason="stop") == 3
    assert value(got, "llm_monitor_tokens_total", **CHAT, **OUTPUT, exact="false") == 7
    assert value(got, "llm_monitor_token_sources_total", **CHAT, source="counted") == 1
    objective = {
        "objective": "fast",
        "signal": "TimeToFirstToken",
        "threshold": "800ms",
        "models": "",
        "operations": "",
    }
    assert value(got, "llm_monitor_objective_events_total", **objective, result="bad") == 1
    assert value(got, "llm_monitor_requests_in_flight") == 2
    assert value(got, "llm_monitor_without_progress_seconds") == 0.25
    assert value(got, "llm_monitor_interception_info", mode="transparent", reason="StarvedOfCPU") == 1
    assert value(got, "llm_monitor_interception_blind_seconds_total") == 1.5
    assert value(got, "llm_monitor_model_connections", read="false") == 3
    assert value(got, "llm_monitor_malformed_exchanges_total", reason="other") == 3
    assert value(got, "llm_monitor_model_cpu_seconds_total") == 12.5
    assert value(got, "llm_monitor_engine_kv_cache_used_ratio") == 0.5
    assert value(got, "llm_monitor_engine_metric_missing", metric="x") == 1
    assert value(got, "llm_monitor_gpus_energy_joules_total") == 9.5
    assert value(got, "llm_monitor_gpu_info", gpu="GPU-1", product="H100", ours="true") == 1
    assert value(got, "llm_monitor_gpu_utilisation_ratio", gpu="GPU-1") == 0.5
    assert value(got, "llm_monitor_gpu_energy_joules_total", gpu="GPU-1") == 12.5
    assert value(got, "llm_monitor_gpu_slowdown_ratio", gpu="GPU-1", why="power cap") == 0.25
    assert value(got, "llm_monitor_gpu_ecc_errors", gpu="GPU-1", corrected="true") == 3
    assert value(got, "llm_monitor_gpu_xids_total", gpu="GPU-1", xid="31", kind="application") == 2
    assert value(got, "llm_monitor_gpu_lost", gpu="GPU-2") == 1
    part = {"gpu": "GPU-2", "instance": "MIG-1", "ours": "true"}
    assert value(got, "llm_monitor_gpu_instance_memory_used_bytes", **part) == 7
    assert value(got, "llm_monitor_gpu_instance_utilisation_ratio", **part) == 0.25
    assert value(got, "llm_monitor_gpus_source_info", source="DCGM") == 1
    assert value(got, "llm_monitor_refused_total", endpoint="config", reason="forged") == 2
    assert value(got, "llm_monitor_configuration_generation") == 4


@BOTH
def test_what_the_engine_counts_stands_beside_the_wire(accept: str) -> None:
    got = samples(report(), accept)
    first = "llm_monitor_engine_time_to_first_token_seconds"

    assert value(got, "llm_monitor_engine_restarts_total") == 1
    assert [value(got, f"{first}_bucket", le=le) for le in ("0.1", "2.5", "+Inf")] == [2, 3, 4]
    assert (value(got, f"{first}_count"), value(got, f"{first}_sum")) == (4, 3.0)
    assert value(got, "llm_monitor_compared_requests_total", **ENGINE) == 20
    assert value(got, "llm_monitor_compared_requests_total", **WIRE) == 18
    assert value(got, "llm_monitor_compared_tokens_total", **OUTPUT, **WIRE) == 180
    assert value(got, "llm_monitor_compared_uncounted_requests_total") == 3
    assert value(got, "llm_monitor_compared_first_token_seconds_total", **WIRE) == 2.0
    names = {name for name, _ in got}
    assert "llm_monitor_compared_first_tokens_total" not in names, "nothing was compared by it"
    assert ("llm_monitor_compared_tokens_total", frozenset({**INPUT, **WIRE}.items())) not in got


@BOTH
def test_histograms_are_otels_with_exact_count_and_sum(accept: str) -> None:
    got = samples(report(series()), accept)
    name = "gen_ai_server_time_to_first_token_seconds"

    buckets = {
        le: value(got, f"{name}_bucket", **CHAT, le=le) for le in ("0.02", "0.04", "0.5", "10.0", "+Inf")
    }

    assert buckets == {"0.02": 0, "0.04": 1, "0.5": 2, "10.0": 3, "+Inf": 4}
    assert value(got, f"{name}_count", **CHAT) == 4
    assert value(got, f"{name}_sum", **CHAT) == pytest.approx(33.33)
    assert value(got, "gen_ai_client_token_usage_sum", **CHAT, **INPUT) == 120


def test_buckets_are_those_that_opentelemetry_advises() -> None:
    assert DURATION_SECONDS[0] == 0.01
    assert DURATION_SECONDS[-1] == 81.92
    assert all(a * 2 == pytest.approx(b) for a, b in itertools.pairwise(DURATION_SECONDS))
    assert TOKENS[:3] == (1, 4, 16)
    assert TOKENS[-1] == 67108864


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.001, 200), min_size=1, max_size=50))
def test_a_bucket_counts_its_values_up_to_the_sketchs_error(values: list[float]) -> None:
    got = samples(report(msgspec.structs.replace(series(), duration=histogram(*values))))

    for bound in DURATION_SECONDS:
        counted = value(got, "gen_ai_server_request_duration_seconds_bucket", **CHAT, le=str(bound))
        surely = sum(v <= bound * (1 - 2.1 * RELATIVE_ERROR) for v in values)
        perhaps = sum(v <= bound * (1 + 2.1 * RELATIVE_ERROR) for v in values)
        assert surely <= counted <= perhaps


def test_what_is_not_known_is_absent_not_zero() -> None:
    unknown = msgspec.structs.replace(report(), engine=None, resources=Resources(processes_visible=False))

    names = {name for name, _ in samples(unknown)}

    assert "llm_monitor_model_processes_visible" in names
    assert not any(name.startswith(("llm_monitor_engine", "llm_monitor_model_cpu")) for name in names)
    assert not any(name.startswith("gen_ai") for name in names)


def test_a_sample_that_got_old_says_how_old() -> None:
    hung = Resources(processes_visible=True, sampled_age_seconds=42.0)

    found = samples(msgspec.structs.replace(report(), resources=hung))

    ages = {value for (name, _), value in found.items() if name == "llm_monitor_model_sample_age_seconds"}
    assert ages == {42.0}


def test_figures_of_gpus_whose_driver_is_silent_are_absent() -> None:
    silent = GPUs(visible=False, silent_seconds=30.0, devices=(GPU_ONE,))

    found = samples(msgspec.structs.replace(report(), gpus=silent))

    assert value(found, "llm_monitor_gpus_driver_silent_seconds") == 30
    assert value(found, "llm_monitor_gpus_visible") == 0
    assert not any(name.startswith("llm_monitor_gpu_") for name, _ in found)


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@settings(deadline=None, max_examples=40)
@given(st.lists(anything, min_size=2, max_size=4, unique=True))
def test_no_model_name_breaks_the_exposition_or_hides_another(names: list[str]) -> None:
    got = samples(report(*(series(name, name) for name in names)))

    seen = [dict(labels) for name, labels in got if name == "llm_monitor_cached_tokens_total"]

    assert len(seen) == len(names)
    for labels in seen:
        assert len(labels["gen_ai_request_model"].encode()) <= BYTES_LIMIT
        assert labels["gen_ai_request_model"].isprintable()


def test_a_plain_name_is_left_as_it_is() -> None:
    assert label('meta-llama/Llama-3.1-8B "quoted" \\ é') == 'meta-llama/Llama-3.1-8B "quoted" \\ é'


@BOTH
def test_no_series_comes_twice_and_no_figure_is_not_a_number(accept: str) -> None:
    body, _ = exposition(report(series("a"), series("b")), REFUSALS, accept)
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]

    assert len({line.rsplit(" ", 1)[0] for line in lines}) == len(lines)
    assert not any(math.isnan(float(line.rsplit(" ", 1)[1])) for line in lines)


def test_prometheus_own_linter_has_nothing_to_say(promtool: str) -> None:
    body, _ = exposition(report(series()), REFUSALS, "")

    said = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, check=False, timeout=30
    )

    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
