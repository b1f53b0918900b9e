"""The cumulative part of a report: what adds over time and over replicas.

A series is one combination of the OTel GenAI attributes; their number is bounded by the collector
(`SERIES_LIMIT`), beyond which models fold into `other`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, TypeAlias

import msgspec

from llmmonitor_api.report.engine_counts import Compared, EngineCounts
from llmmonitor_api.report.features import FeatureCounts
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.interactions import InteractionCounts
from llmmonitor_api.report.live_outcomes import LiveOutcomes
from llmmonitor_api.report.probing import ProbeCounts
from llmmonitor_api.report.requests import RequestCounts
from llmmonitor_api.report.values import Count, Key, Name

SERIES_LIMIT = 32
OBJECTIVES_LIMIT = 64
"""More than a spec may have."""
_SCOPE_BYTES = 8
Scope: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
"""More than `spec.performance.objectives[]` may list."""


class TrafficSeries(msgspec.Struct, omit_defaults=True):
    """Exchanges of one operation and model."""

    operation: str
    """OTel `gen_ai.operation.name`."""
    provider: str
    """OTel `gen_ai.provider.name`: the dialect spoken on the wire."""
    request_model: str
    response_model: str
    stream: bool
    generates: bool = True
    """Whether this operation makes the model generate."""

    outcomes: dict[Name, Count] = {}
    """Ended exchanges by `Outcome`."""
    error_types: FrequencyTable = msgspec.field(default_factory=FrequencyTable)
    finish_reasons: FrequencyTable = msgspec.field(default_factory=FrequencyTable)
    empty: Count = 0
    """Successful answers without any output."""
    forms_checked: dict[Name, Count] = {}
    """Answers with output written for a program, by its kind: `tool_call`, or `json` that was asked for."""
    forms_malformed: dict[Name, Count] = {}
    """Those of them that no program can read."""

    prompt_tokens_exact: Count = 0
    prompt_tokens_counted: Count = 0
    completion_tokens_exact: Count = 0
    completion_tokens_counted: Count = 0
    """Lower bounds from counted deltas: never priced, never compared."""
    cached_tokens: Count = 0
    reasoning_tokens: Count = 0
    token_sources: dict[Name, Count] = {}
    """Ended generating exchanges by the source of their completion tokens."""

    time_to_first_token: Histogram = msgspec.field(default_factory=Histogram)
    """Seconds; streamed answers only, kept the moment the first token is seen."""
    time_to_first_content: Histogram = msgspec.field(default_factory=Histogram)
    time_per_output_token: Histogram = msgspec.field(default_factory=Histogram)
    """Seconds; per choice, exact counts only."""
    gaps: Histogram = msgspec.field(default_factory=Histogram)
    """Seconds between successive chunks of one choice."""
    gaps_dropped: Count = 0
    duration: Histogram = msgspec.field(default_factory=Histogram)
    """Seconds from the last request byte (as TTFT) to the end, whatever the outcome."""
    prompt_tokens: Histogram = msgspec.field(default_factory=Histogram)
    completion_tokens: Histogram = msgspec.field(default_factory=Histogram)
    """Tokens per exchange, exact sources only."""


class ObjectiveCounts(msgspec.Struct, omit_defaults=True):
    """Exact good and bad events of one objective as it is defined now."""

    name: str
    signal: str
    threshold: str
    """The threshold as the owner wrote it, empty without one: a changed threshold is a new series."""
    good: Count = 0
    bad: Count = 0
    models: Scope = ""
    """For which models alone, separated by commas; empty: all."""
    operations: Scope = ""
    """For which operations alone; empty: all that generate."""


class InterceptionCounts(msgspec.Struct, omit_defaults=True):
    """What the request path did."""

    accepted: Count = 0
    upstream_refused: Count = 0
    bytes_to_model: Count = 0
    bytes_to_client: Count = 0
    shed_bytes: Count = 0
    """Copies dropped because the analyser did not keep up."""
    shed_connections: Count = 0
    """Connections not analysed because of that."""
    unknown_connections: Count = 0
    """Connections that were open before the analyser (re)started."""
    drained_connections: Count = 0
    """Idle connections past the relay that were closed, so that their clients come back through it."""
    exchanges_not_analysed: Count = 0
    step_asides: Count = 0
    blind_nanoseconds: Count = 0
    """Time in which new connections were not read though interception was wanted."""
    relay_starts: Count = 0
    analyser_starts: Count = 0
    opaque_connections: dict[Name, Count] = {}
    """Connections carried but not readable, by protocol (tls, h2, upgrade, tunnel, other)."""
    malformed: FrequencyTable = msgspec.field(default_factory=FrequencyTable)
    """Exchanges that could not be parsed, by reason."""


class Totals(msgspec.Struct, omit_defaults=True):
    """Everything cumulative; the zero of `merge.add` is `Totals()`."""

    begun: Count = 0
    """Generating requests that the model has received completely."""
    busy_nanoseconds: Count = 0
    """Time with at least one of them in flight, or in which the engine said that it works."""
    observed_nanoseconds: Count = 0
    """Time of which that can be told, busy or not; 0 from a sidecar that does not tell."""
    traffic: dict[str, TrafficSeries] = {}
    """By `series_key`."""
    objectives: Annotated[dict[Key, ObjectiveCounts], msgspec.Meta(max_length=OBJECTIVES_LIMIT)] = {}
    """By `objective_key`."""
    met_objectives: Count = 0
    """Requests that met every objective that judged them; the goodput is their share."""
    missed_objectives: Count = 0
    """Those that missed one, counted the moment that they did."""
    interception: InterceptionCounts = msgspec.field(default_factory=InterceptionCounts)
    gpu_energy_millijoules: Count = 0
    """Of the pod's GPUs, as far as they could be told from others; not of partitioned ones."""
    engine: EngineCounts = EngineCounts()
    compared: Compared = Compared()
    features: FeatureCounts = msgspec.field(default_factory=FeatureCounts)
    """What drift is found by; empty from a sidecar that does not count it."""
    interactions: InteractionCounts = InteractionCounts()
    live_outcomes: LiveOutcomes = msgspec.field(default_factory=LiveOutcomes)
    """What people make of answers; empty where the owner does not ask, or the sidecar cannot tell."""
    probes: ProbeCounts = ProbeCounts()
    probing_nanoseconds: Count = 0
    """Time with a probe of ours in flight and no request of a client."""
    requests: RequestCounts = RequestCounts()
    """By the owner's checks; empty where none is asked for."""


def series_key(
    operation: str, provider: str, request_model: str, response_model: str, *, stream: bool
) -> str:
    """The key of a series: its labels, spelled unambiguously."""
    return msgspec.json.encode([operation, provider, request_model, response_model, stream]).decode()


def objective_key(
    name: str, signal: str, threshold: str, models: Sequence[str] = (), operations: Sequence[str] = ()
) -> str:
    """The key of an objective's counts: another definition under the same name counts apart.

    Of what it is for there is only a hash in it: keys are kept many thousand times over.
    """
    parts = [name, signal, threshold]
    if models or operations:
        scope = msgspec.json.encode([sorted(models), sorted(operations)])
        parts.append(blake2b(scope, digest_size=_SCOPE_BYTES).hexdigest())
    return msgspec.json.encode(parts).decode()
