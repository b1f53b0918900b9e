"""From an LLMMonitor to what each side needs of it: the sidecar's configuration, and evaluation's settings.

Percentages become ratios and durations seconds here, once; exactness is kept where it decides (targets).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import msgspec
from pydantic.alias_generators import to_camel

from llmmonitor_api.configuration import (
    Configuration,
    InteractionsSetting,
    ObjectiveSetting,
    OutcomesSetting,
    PatternSetting,
    RequestChecksSetting,
    ReviewSetting,
)
from llmmonitor_api.interactions.kinds import PATTERN_PREFIX
from llmmonitor_api.quantities import format_percentage
from llmmonitor_api.report import requests as checks
from llmmonitor_api.spec import LLMMonitor, Objective, ObjectiveSource
from llmmonitor_api.spec.cost import BudgetPeriod, Cost
from llmmonitor_api.spec.interactions import FloodLimit, Interactions, Side
from llmmonitor_api.spec.interactions import InteractionLimit as SpecLimit
from llmmonitor_api.spec.interception import ExistingConnections, InterceptionMode
from llmmonitor_api.spec.privacy import ContentPolicy, Privacy
from llmmonitor_api.spec.quality import Outcomes
from llmmonitor_api.spec.requests import RequestChecks
from llmmonitor_operator.cost.price import Price
from llmmonitor_operator.drift.watch import DriftSettings
from llmmonitor_operator.generations import configuration_generation
from llmmonitor_operator.once import once_for_each
from llmmonitor_operator.probe_plan import plan_of
from llmmonitor_operator.settings import (
    CostSettings,
    InteractionLimit,
    InteractionSettings,
    ObjectiveSettings,
    OutcomeSettings,
    QualitySettings,
    RequestCheckSettings,
    Settings,
    TokenPrices,
    VersionSettings,
)

FIRST_BYTES_LIMIT = 96 * 1024
"""Of a first configuration with checks on requests; an environment variable takes 128 KiB (execve(2))."""
DRAIN_IDLE_SECONDS = 60.0
"""For `existingConnections: DrainIdle`; the sidecar waits ten times as long where the model may work."""


@once_for_each
def configuration_for(monitor: LLMMonitor) -> Configuration:
    """What the sidecars of a valid monitor count and sample by; defaults of the spec are filled in."""
    spec, metadata = monitor.spec, monitor.metadata
    settings = [_setting(objective) for objective, _ in spec.performance.effective_objectives]
    return Configuration(
        generation=configuration_generation(metadata.creation_timestamp, metadata.uid, metadata.generation),
        objectives=tuple(one for one in settings if not one.further),
        further_objectives=tuple(one for one in settings if one.further),
        interactions=_interactions_setting(spec.interactions),
        drift_features=tuple(feature.value for feature in spec.drift.features),
        resource_interval_seconds=spec.sampling.resource_interval.total_seconds(),
        max_added_latency_seconds=spec.interception.max_added_latency.total_seconds(),
        drain_idle_seconds=DRAIN_IDLE_SECONDS
        if spec.interception.existing_connections is ExistingConnections.DRAIN_IDLE
        else 0.0,
        probes=plan_of(spec.quality, metadata.uid or metadata.name),
        outcomes=_outcomes_setting(spec.quality.outcomes),
        review=_review_setting(spec.privacy),
        requests=_checks_setting(spec.requests),
        trusted_proxies=spec.privacy.trusted_proxies,
    )


def first_configuration(monitor: LLMMonitor) -> str:
    """What a new sidecar of the monitor begins with, as its environment takes it: the same as JSON.

    But for the probes, which it is told once it reports: they are long, and each replica has its share. And
    for checks on requests with so long a schema that they do not fit.
    """
    first = msgspec.json.encode(msgspec.structs.replace(configuration_for(monitor), probes=None))
    if len(first) > FIRST_BYTES_LIMIT:
        first = msgspec.json.encode(
            msgspec.structs.replace(configuration_for(monitor), probes=None, requests=None)
        )
    return first.decode()


@once_for_each
def settings_for(monitor: LLMMonitor) -> Settings:
    """What evaluation judges by."""
    spec, metadata = monitor.spec, monitor.metadata
    return Settings(
        generation=metadata.generation,
        objectives=tuple(
            _objective(objective, source) for objective, source in spec.performance.effective_objectives
        ),
        stall_after_seconds=spec.performance.stall_after.total_seconds(),
        report_interval_seconds=spec.sampling.report_interval.total_seconds(),
        memory_limit=float(spec.resources.memory),
        kv_cache_limit=float(spec.resources.kv_cache),
        cpu_throttled_limit=float(spec.resources.cpu_throttled),
        intercepts=spec.interception.mode is not InterceptionMode.OFF,
        hold_for_seconds=spec.hold_for.total_seconds(),
        clear_after_seconds=spec.clear_after.total_seconds(),
        cost=_cost(spec.cost),
        drift=drift_settings(monitor),
        versions=VersionSettings(
            by=spec.versions.by,
            label=spec.versions.label or "",
            margin=float(spec.versions.margin),
            client_header=spec.privacy.client_header or "",
        ),
        interactions=InteractionSettings(
            limits=_limits(spec.interactions),
            window_seconds=spec.interactions.window.total_seconds(),
            clear_after_seconds=spec.interactions.clear_after.total_seconds(),
        ),
        quality=QualitySettings(
            plan=plan_of(spec.quality, metadata.uid or metadata.name),
            min_passed=float(spec.quality.min_passed),
            judge_least=float(spec.quality.judge.min_agreement) if spec.quality.judge is not None else 1.0,
            outcomes=_outcomes(spec.quality.outcomes),
        ),
        requests=_check_settings(spec.requests),
        roles=spec.condition_roles,
    )


def _review_setting(privacy: Privacy) -> ReviewSetting | None:
    review = privacy.review
    if review is None or privacy.content is not ContentPolicy.REDACTED:
        return None
    return ReviewSetting(review.max_cases, review.max_age.total_seconds())


def drift_settings(monitor: LLMMonitor, vocabulary_key: str = "") -> DriftSettings:
    """What drift is judged by; `vocabulary_key` is the id of the key by which words are counted."""
    found = _drift(monitor)
    return replace(found, vocabulary_key=vocabulary_key) if vocabulary_key else found


@once_for_each
def _drift(monitor: LLMMonitor) -> DriftSettings:
    drift = monitor.spec.drift
    return DriftSettings(
        window=drift.window,
        min_seconds=drift.baseline.min_duration.total_seconds(),
        features=tuple(feature.value for feature in drift.effective_features),
    )


def _cost(cost: Cost) -> CostSettings:
    rate, budget, other = cost.hourly_rate, cost.budget, cost.compared_with
    return CostSettings(
        price=Price(cost.currency, rate.amount, rate.per) if rate else None,
        budget=budget.amount if budget else None,
        period=budget.period if budget else BudgetPeriod.MONTH,
        completion_token_weight=cost.completion_token_weight,
        compared_with=TokenPrices(
            other.name, other.per_million_prompt_tokens, other.per_million_completion_tokens
        )
        if other
        else None,
    )


def _outcomes_setting(outcomes: Outcomes | None) -> OutcomesSetting | None:
    return None if outcomes is None else OutcomesSetting(token=outcomes.feedback_auth is not None)


def _outcomes(outcomes: Outcomes | None) -> OutcomeSettings | None:
    if outcomes is None:
        return None
    limits = {name: float(limit) for name, limit in outcomes.limits.items()}
    return OutcomeSettings(window_seconds=outcomes.window.total_seconds(), **limits)


def _interactions_setting(interactions: Interactions) -> InteractionsSetting:
    return InteractionsSetting(
        window_seconds=interactions.window.total_seconds(),
        patterns=tuple(
            PatternSetting(
                name=one.name,
                pattern=one.pattern,
                input=one.side is not Side.OUTPUT,
                output=one.side is not Side.INPUT,
            )
            for one in interactions.patterns
        ),
    )


def _checks_setting(requests: RequestChecks) -> RequestChecksSetting | None:
    if not requests.configured:
        return None
    return RequestChecksSetting(
        languages=tuple(sorted(requests.languages)),
        roles=tuple(sorted(one.value for one in requests.roles)),
        json_schema=requests.json_schema,
        invalid_schemas=requests.invalid_schemas,
        context_overflow=requests.context_overflow,
        unknown_parameters=requests.unknown_parameters,
    )


def _check_settings(requests: RequestChecks) -> RequestCheckSettings:
    setting = _checks_setting(requests)
    asked_for = {
        checks.LANGUAGES: bool(requests.languages),
        checks.ROLES: bool(requests.roles),
        checks.JSON_SCHEMA: requests.json_schema is not None,
        checks.INVALID_SCHEMAS: requests.invalid_schemas,
        checks.CONTEXT_OVERFLOW: requests.context_overflow,
        checks.UNKNOWN_PARAMETERS: requests.unknown_parameters,
    }
    return RequestCheckSettings(
        checks=tuple(name for name, wanted in asked_for.items() if wanted),
        setting=setting.digest if setting is not None else "",
        max_invalid_rate=float(requests.max_invalid_rate),
        window_seconds=requests.window.total_seconds(),
    )


def _limits(interactions: Interactions) -> tuple[InteractionLimit, ...]:
    """Those of the spec, and of the owner's patterns that have one."""
    given = [_limit(to_camel(name), limit) for name, limit in interactions.limits.items()]
    own = [_limit(PATTERN_PREFIX + one.name, one, own=True) for one in interactions.patterns]
    return (*given, *own)


def _limit(kind: str, limit: SpecLimit | FloodLimit, *, own: bool = False) -> InteractionLimit:
    most = limit.max if isinstance(limit, SpecLimit) else None
    rate = limit.max_rate if isinstance(limit, SpecLimit) else None
    parts = [
        None if most is None else f"max {most}",
        None if rate is None else f"maxRate {format_percentage(rate)}",
        None if limit.max_per_client is None else f"maxPerClient {limit.max_per_client}",
    ]
    return InteractionLimit(
        kind=kind,
        text=", ".join(filter(None, parts)),
        most=most,
        most_rate=None if rate is None else float(rate),
        most_per_client=limit.max_per_client,
        own=own,
    )


def _setting(objective: Objective) -> ObjectiveSetting:
    return ObjectiveSetting(
        name=objective.name,
        signal=objective.signal.value,
        threshold=_threshold(objective),
        threshold_text=objective.threshold or "",
        models=_models(objective),
        operations=_operations(objective),
    )


def _models(objective: Objective) -> tuple[str, ...]:
    return tuple(sorted(objective.models))


def _operations(objective: Objective) -> tuple[str, ...]:
    return tuple(sorted(one.value for one in objective.operations))


def _objective(objective: Objective, source: ObjectiveSource) -> ObjectiveSettings:
    return ObjectiveSettings(
        name=objective.name,
        signal=objective.signal.value,
        threshold=_threshold(objective),
        threshold_text=objective.threshold or "",
        target=Fraction(objective.target),
        window_seconds=objective.window.total_seconds(),
        source=source.value,
        models=_models(objective),
        operations=_operations(objective),
    )


def _threshold(objective: Objective) -> float | None:
    return None if objective.limit is None else float(objective.limit)
