"""A report in which every series is full: as large as a reader must still take."""

from __future__ import annotations

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_api.report.canaries import PROMPTS_LIMIT, TOKENS_LIMIT, CanaryPrint, CanaryRound
from llmmonitor_api.report.clients import CLIENTS_LIMIT, MEASURES_LIMIT, ClientMet, Clients
from llmmonitor_api.report.engine_counts import (
    BOUNDS_LIMIT,
    REASONS_LIMIT,
    Compared,
    EngineCounts,
    EngineHistogram,
    Pair,
)
from llmmonitor_api.report.features import (
    BUCKETS_LIMIT,
    FEATURES_LIMIT,
    STRATA_LIMIT,
    STRATUM_BUCKETS_LIMIT,
    FeatureCounts,
)
from llmmonitor_api.report.gpus import (
    GPU,
    GPUS_LIMIT,
    MIG_LIMIT,
    SLOWDOWNS_LIMIT,
    XID,
    XIDS_LIMIT,
    GPUs,
    MIGInstance,
)
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.interactions import (
    FINDINGS_LIMIT,
    KINDS_LIMIT,
    ClientsSeen,
    InteractionCounts,
    InteractionsState,
    KindCounts,
)
from llmmonitor_api.report.live_outcomes import VERDICTS, LiveOutcomes
from llmmonitor_api.report.probing import (
    RESULTS_LIMIT,
    ROUNDS_LIMIT,
    SCENARIOS_LIMIT,
    PairOutcomes,
    ProbeResult,
    ProbeRound,
    Probing,
)
from llmmonitor_api.report.report import (
    Disk,
    Identity,
    InterceptionState,
    Live,
    MemoryTrend,
    Network,
    Pressure,
    Report,
    Resources,
    Saturation,
)
from llmmonitor_api.report.requests import CHECKS_LIMIT, DETAILS_LIMIT, CheckCounts, RequestCounts
from llmmonitor_api.report.totals import OBJECTIVES_LIMIT, ObjectiveCounts, Totals, TrafficSeries
from llmmonitor_api.spec.scope import MODELS_LIMIT, Operation


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
        forms_checked={"tool_call": 10**9, "json": 10**9},
        forms_malformed={"tool_call": 10**9, "json": 10**9},
        time_to_first_token=dense(0.005, 60),
        time_to_first_content=dense(0.005, 60),
        time_per_output_token=dense(0.002, 1),
        gaps=dense(0.0001, 10),
        duration=dense(0.01, 600),
        prompt_tokens=dense(1, 131_072),
        completion_tokens=dense(1, 32_768),
    )


def gpu(index: int) -> GPU:
    count = 2**60
    return GPU(
        uuid="G" * 96,
        index=index,
        name="N" * 96,
        problem="p" * 1_000,
        utilisation=0.123456789,
        memory_used_bytes=count,
        memory_total_bytes=count,
        model_memory_bytes=count,
        energy_joules=1e17 / 3,
        slowdowns={f"{'w' * 40}{number}": 1 / 3 for number in range(SLOWDOWNS_LIMIT)},
        xids=tuple(XID(count + number, "application", count, 1 / 3) for number in range(XIDS_LIMIT)),
        instances=(
            MIGInstance("M" * 96, memory_used_bytes=count, memory_total_bytes=count, utilisation=1 / 3),
        )
        * MIG_LIMIT,
    )


def engine() -> EngineCounts:
    """With as many bounds and reasons as there may be."""
    times = EngineHistogram(10**18, {10**18 + n: 10**15 for n in range(BOUNDS_LIMIT)}, 10**15)
    reasons = {f"{n:0200}": 10**15 for n in range(REASONS_LIMIT + 1)}
    return EngineCounts(10**15, 10**15, 10**15, 10**15, reasons, times, times)


def objectives() -> dict[str, ObjectiveCounts]:
    """As many as there may be, each of as many models as it may be of."""
    models = [f"{number}{'m' * 95}" for number in range(MODELS_LIMIT)]
    operations = [one.value for one in Operation]
    settings = [
        ObjectiveSetting(f"{number:063}", "TimeToFirstToken", 1.0, "t" * 64, tuple(models), tuple(operations))
        for number in range(OBJECTIVES_LIMIT)
    ]
    return {
        one.key: ObjectiveCounts(
            one.name, one.signal, one.threshold_text, BIG, BIG, ",".join(models), ",".join(operations)
        )
        for one in settings
    }


def compared() -> Compared:
    pair = Pair(10**18, 10**18)
    return Compared(pair, 10**18, pair, pair, 10**18, 10**18, pair, pair)


def features() -> FeatureCounts:
    """With as many features, buckets and strata as there may be."""
    buckets = {2**32 - n: 10**15 for n in range(BUCKETS_LIMIT)}
    strata = {n: {2**32 - m: 10**15 for m in range(STRATUM_BUCKETS_LIMIT)} for n in range(STRATA_LIMIT)}
    names = ["f" * 250 + str(n) for n in range(FEATURES_LIMIT)]
    known = dict.fromkeys(names, 10**15)
    return FeatureCounts(10**15, dict.fromkeys(names, buckets), strata, texts=10**15, known=known)


BIG = 2**62
RESOURCES = Resources(
    processes_visible=False,
    reason="r" * 8192,
    memory_held_bytes=BIG,
    memory_trends=(MemoryTrend(BIG, -BIG, BIG, BIG, 1e12, BIG),) * 4,
    pressure={
        "p" * 255 + str(number): Pressure("n" * 256, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1e12, 1e12)
        for number in range(8)
    },
    network=Network(BIG, BIG, BIG, BIG),
    disk=Disk(BIG, BIG),
    weight_files="w" * 256,
)
REQUESTS = RequestCounts(
    "s" * 256,
    BIG,
    BIG,
    BIG,
    {"c" * 250 + str(n): CheckCounts(BIG, BIG) for n in range(CHECKS_LIMIT)},
    {"d" * 250 + str(n): BIG for n in range(DETAILS_LIMIT)},
    BIG,
)
_MET = ClientMet(BIG, (BIG,) * MEASURES_LIMIT, (BIG,) * MEASURES_LIMIT)
CLIENTS = Clients(
    sealing_key=b"k" * 32,
    key_id="k" * 256,
    minutes=BIG,
    level=64,
    measures=("m" * 1024,) * MEASURES_LIMIT,
    met={f"{number:016x}": _MET for number in range(CLIENTS_LIMIT)},
    nameless=BIG,
)
RESULT = ProbeResult("n" * 63, "s" * 63, BIG, BIG, BIG, "b" * 80)
PROBING = Probing(
    message="m" * 8192,
    unknown_suites=("s" * 63,) * 20,
    pairs=(PairOutcomes("a" * 63, "v" * 256, BIG, ("g" * 63, "h" * 63), "?" * SCENARIOS_LIMIT),) * 16,
    canaries=CanaryRound(
        1e11,
        BIG,
        "v" * 256,
        (CanaryPrint((2**32 - 1,) * TOKENS_LIMIT, (-1 / 3,) * TOKENS_LIMIT),) * PROMPTS_LIMIT,
    ),
    rounds=(ProbeRound(1e10, "v" * 256, BIG, 1e10, (RESULT,) * RESULTS_LIMIT),) * ROUNDS_LIMIT,
)
OUTCOMES = LiveOutcomes(*(BIG,) * 4, dict.fromkeys(VERDICTS, BIG), dict.fromkeys(VERDICTS, BIG), *(BIG,) * 9)
LIVE = Live(saturation=Saturation(BIG, 1e12, BIG, BIG, 1e15, -1e15, 1e15, BIG, BIG))


def interactions() -> InteractionCounts:
    """With as many kinds and findings as there may be."""
    kinds = {f"{number:0256}": KindCounts(BIG, BIG, BIG, BIG) for number in range(KINDS_LIMIT)}
    findings = {f"{number:0256}": BIG for number in range(FINDINGS_LIMIT)}
    return InteractionCounts(BIG, BIG, BIG, BIG, BIG, kinds, findings, BIG)


def interactions_now() -> InteractionsState:
    names = [f"{number:0256}" for number in range(KINDS_LIMIT)]
    clients = ClientsSeen(1e12, BIG, BIG, dict.fromkeys(names, BIG), dict.fromkeys(names, BIG))
    return InteractionsState(1 / 3, BIG, clients, dict.fromkeys(names[:20], "w" * 200))


def report(totals: Totals) -> Report:
    identity = Identity("u" * 36, "p" * 253, "b" * 32, 1.0, 1, "0.1.0", 1)
    gpus = GPUs(
        visible=True, reason="r" * 8192, exporter_error="e" * 8192, devices=tuple(map(gpu, range(GPUS_LIMIT)))
    )
    path = InterceptionState("transparent", reading=True)
    return Report(identity, 2.0, 1.0, totals, Live(), path, gpus=gpus)
