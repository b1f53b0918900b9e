"""A report with something in every place, and the same with one place changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmmonitor_api.report.canaries import CanaryPrint, CanaryRound
from llmmonitor_api.report.clients import ClientMet, Clients
from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.features import PROMPT_TOKENS, VOCABULARY, FeatureCounts
from llmmonitor_api.report.gpus import GPU, XID, GPUs, MIGInstance
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.interactions import (
    ClientsSeen,
    InteractionCounts,
    InteractionsState,
    KindCounts,
    finding_key,
)
from llmmonitor_api.report.live_outcomes import LiveOutcomes
from llmmonitor_api.report.probing import PairOutcomes, ProbeCounts, ProbeResult, ProbeRound, Probing
from llmmonitor_api.report.report import (
    Disk,
    Engine,
    Identity,
    InterceptionState,
    Live,
    MemoryTrend,
    Network,
    Pressure,
    Report,
    Resources,
    Saturation,
    UnreadableReport,
    decode,
    encode,
)
from llmmonitor_api.report.requests import CheckCounts, RequestCounts
from llmmonitor_api.report.review import ReviewState
from llmmonitor_api.report.totals import ObjectiveCounts, Totals, TrafficSeries

NOW = 1_800_000_000.0
Key = str | int


def full_report() -> Report:
    histogram = Histogram()
    for value in (0.1, 0.2, 5.0):
        histogram.record(value)
    series = TrafficSeries(
        *("chat", "openai", "m", "m"),
        stream=True,
        outcomes={"ok": 40, "cut_off": 2},
        forms_checked={"json": 3},
        forms_malformed={"json": 1},
        completion_tokens_exact=7,
        token_sources={"usage": 3},
        time_to_first_token=histogram,
        time_per_output_token=histogram,
        duration=histogram,
    )
    objective = ObjectiveCounts("no-errors", "ErrorRate", "", good=40, bad=2)
    return Report(
        identity=Identity("uid", "pod", "boot", NOW - 300, 7, "0.1.0", 1),
        at=NOW - 1,
        uptime_seconds=299.0,
        totals=Totals(
            begun=42,
            traffic={"k": series},
            objectives={"o": objective},
            engine=EngineCounts(1, 2, 3, 4, {"stop": 5}, EngineHistogram(6, {7: 8}, 9)),
            compared=Compared(Pair(40, 30), 30, Pair(1, 2), Pair(3, 4), 5, 6, Pair(30, 31), Pair(7, 8)),
            met_objectives=40,
            missed_objectives=2,
            features=FeatureCounts(
                42, {PROMPT_TOKENS: {3: 42}, VOCABULARY: {5: 80}}, {7: {3: 42}}, 40, {VOCABULARY: 40}
            ),
            interactions=InteractionCounts(
                *(50, 40, 1, 900, 8_000),
                kinds={"jailbreak": KindCounts(40, 5, 2, 1), "pii_exposed": KindCounts(30, 1)},
                findings={finding_key("jailbreak", "injection-rules", 1, "user"): 5},
            ),
            live_outcomes=LiveOutcomes(
                *(42, 40, 40, 20, {"positive": 12, "negative": 8}, {"neutral": 1}, 2, 1),
                *(40, 4, 1, 30, 3, 20, 2),
            ),
            probes=ProbeCounts(9, 8, 1, 70, 60),
            probing_nanoseconds=5,
            requests=RequestCounts(
                "digest", 42, 30, 10, {"roles": CheckCounts(30, 10)}, {"roles: developer": 10}
            ),
        ),
        live=Live(
            1, 2.0, 1.0, 3.0, Saturation(31, 30.0, 9, 2, 8.0, 5.0, 11.0, running_most=2, preemptions=1)
        ),
        interception=InterceptionState(
            "listen", reading=True, model_listening=True, read_connections=3, bypassing_connections=1
        ),
        resources=Resources(
            processes_visible=True,
            cpu_cores_used=1.0,
            cpu_throttled_share=0.1,
            cpu_at_limit_share=0.5,
            memory_used_bytes=600,
            memory_limit_bytes=1000,
            memory_held_bytes=600,
            memory_trends=(MemoryTrend(20, low=19, high=21, samples=8, span_seconds=8.0),),
            pressure={"memory": Pressure("node", some_60s=0.5)},
            network=Network(1, 2),
            disk=Disk(1, 2),
        ),
        gpus=GPUs(
            visible=True,
            silent_seconds=1.0,
            told_by="number",
            devices=(
                GPU(
                    "GPU-1",
                    ours=True,
                    problem="x",
                    utilisation=0.5,
                    memory_total_bytes=2,
                    energy_joules=1.0,
                    slowdowns={"power cap": 0.5},
                    xids=(XID(79, "hardware", 1, 1.0),),
                    instances=(MIGInstance("MIG-1", memory_total_bytes=1),),
                ),
            ),
        ),
        clients=Clients(
            *(bytes(32), "key", 2_000_000, 1, ("o",)),
            {"ab": ClientMet(1, (4,), (1,))},
            nameless=3,
        ),
        interactions=InteractionsState(
            0.5, 3, ClientsSeen(600.0, 9, 4, {"jailbreak": 2}, {"jailbreak": 3}), {"own": "no such"}
        ),
        vocabulary_key="key",
        probing=Probing(
            *("plan", 0, 2, "v1", "saturated", "busy", ("suite",), NOW + 60),
            (ProbeRound(NOW - 60, "v1", 2, NOW - 1, (ProbeResult("sum", "", 3, 1, 1, "number"),)),),
            (PairOutcomes("gender", "v1", 1, ("a", "b"), "00+-cb?."),),
            CanaryRound(NOW - 5, 1, "v1", (CanaryPrint((1, 2), (-0.5, -1.0)),) * 14),
        ),
        review=ReviewState(3, 60.0),
        system_fingerprint="fp",
        engine=Engine(
            "vllm", "1", "m", scraped_age_seconds=1.0, running=1, waiting=2, kv_cache_use=0.5, missing=("m",)
        ),
    )


def _leaves(value: Any, path: tuple[Key, ...] = ()) -> Iterator[tuple[Key, ...]]:
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in places:
        yield from _leaves(one, (*path, key))
    if not isinstance(value, dict):
        yield path


DOCUMENT = encode(full_report())
PATHS = list(_leaves(json.loads(DOCUMENT)))


def changed(path: tuple[Key, ...], value: Any) -> bytes:
    document = place = json.loads(DOCUMENT)
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document).encode()


def readable(path: tuple[Key, ...], value: Any) -> Report | None:
    """The report with this value at that place; None where it is refused as no report."""
    try:
        return decode(changed(path, value))
    except UnreadableReport:
        return None
