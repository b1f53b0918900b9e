"""The condition table: every type, in the order people read them, each with its role and reasons.

Adding a condition is one row here (and its reasons beside the others). `effective_role` and `is_gating` are
the whole of what evaluation needs to know about roles.
"""

from collections.abc import Mapping
from typing import Final

from llmmonitor_api.conditions import reasons_content as content
from llmmonitor_api.conditions import reasons_monitoring as monitoring
from llmmonitor_api.conditions import reasons_performance as performance
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions.registry import ConditionType, Reason, Role, Status, UnknownConditionError

_NOT_JUDGED: Final = (shared.NOT_CONFIGURED, shared.NOT_APPLICABLE, shared.NOT_VISIBLE)
_WITHOUT_PODS: Final = (shared.NO_MATCHING_PODS, shared.PODS_OF_OLDER_MONITOR, shared.NO_SPEC_IN_FORCE)
_FROM_REPORTS: Final = (shared.NO_REPORTS, *_WITHOUT_PODS, *_NOT_JUDGED)
_FROM_TRAFFIC: Final = (shared.NO_TRAFFIC, shared.TOO_FEW_REQUESTS, *_FROM_REPORTS)

READY: Final = ConditionType(
    "Ready",
    Role.GATING,
    "The monitor works: sidecars are in and reports are fresh.",
    (
        monitoring.MONITORING,
        monitoring.NOTHING_TO_MONITOR,
        monitoring.CONFLICTED,
        monitoring.INVALID_SPEC,
        monitoring.PARTLY_MONITORED,
        shared.NO_REPORTS,
        *_NOT_JUDGED,
    ),
)
INJECTED: Final = ConditionType(
    "Injected",
    Role.GATING,
    "Every matching pod has the current sidecar.",
    (
        monitoring.ALL_INJECTED,
        monitoring.POD_PREDATES_MONITOR,
        monitoring.WEBHOOK_MISSED,
        monitoring.NOT_INJECTED,
        monitoring.POD_SECURITY_FORBIDS,
        monitoring.OUTDATED,
        monitoring.SIDECAR_BLOCKS_POD,
        monitoring.INJECTION_SUSPENDED,
        monitoring.NO_MEMORY_HEADROOM,
        monitoring.ATTACH_EXHAUSTED,
        monitoring.NOT_RESTARTABLE,
        monitoring.RESTART_STOPPED,
        monitoring.SIDECAR_NOT_STARTED,
        monitoring.SIDECAR_STARTING,
        monitoring.MODEL_SERVER_NOT_FOUND,
        monitoring.OPTED_OUT,
        monitoring.WORKER,
        monitoring.PREFLIGHT_PENDING,
        *_WITHOUT_PODS,
        *_NOT_JUDGED,
    ),
)
REPORTING: Final = ConditionType(
    "Reporting",
    Role.GATING,
    "Every sidecar reported within three report intervals.",
    (monitoring.ALL_REPORTING, monitoring.STALE, monitoring.UNREACHABLE, *_FROM_REPORTS),
)
INTERCEPTING: Final = ConditionType(
    "Intercepting",
    Role.ADVISORY,
    "Traffic is being read; the message gives the share of connections that is.",
    (
        monitoring.TRAFFIC_READ,
        monitoring.MESH_REDIRECTS,
        monitoring.HOST_NETWORK,
        monitoring.ENCRYPTED,
        monitoring.KERNEL_UNSUPPORTED,
        monitoring.NOT_PERMITTED,
        monitoring.PORT_TAKEN,
        monitoring.STARVED_OF_CPU,
        monitoring.RELAY_STALLED,
        monitoring.RELAY_DOWN,
        monitoring.SUPERVISOR_FAILED,
        monitoring.SHEDDING,
        monitoring.SERVICE_USES_PORT_NUMBER,
        monitoring.SERVER_TOO_OLD,
        monitoring.NEEDS_RESTART,
        monitoring.MODEL_NOT_LISTENING,
        monitoring.STARTING,
        monitoring.HANDING_OVER,
        monitoring.NO_TRAFFIC_YET,
        *_FROM_REPORTS,
    ),
)
GPU_VISIBLE: Final = ConditionType(
    "GPUVisible",
    Role.ADVISORY,
    "Every GPU of the pods is measured.",
    (
        monitoring.ALL_GPUS_MEASURED,
        monitoring.DRIVER_NOT_VISIBLE,
        monitoring.NOT_ALL_GPUS_MEASURED,
        monitoring.NO_EXPORTER,
        monitoring.NO_GPU_REQUESTED,
        *_FROM_REPORTS,
    ),
)
RESOURCES_HEALTHY: Final = ConditionType(
    "ResourcesHealthy",
    Role.GATING,
    "CPU, memory, GPU and KV cache are within their limits.",
    (
        shared.WITHIN_LIMITS,
        performance.OOM_KILLED,
        performance.MEMORY_NEAR_LIMIT,
        performance.GPU_ERRORS,
        performance.KV_CACHE_SATURATED,
        performance.SATURATED,
        performance.CPU_THROTTLED,
        performance.PROCESSES_NOT_VISIBLE,
        *_FROM_REPORTS,
    ),
)
PERFORMANCE_HEALTHY: Final = ConditionType(
    "PerformanceHealthy",
    Role.GATING,
    "Objectives hold, nothing is stalled, and no figure is anomalous.",
    (
        performance.OBJECTIVES_HOLD,
        performance.STALLED,
        performance.BURN_RATE_HIGH,
        performance.ANOMALY,
        *_FROM_TRAFFIC,
    ),
)
DRIFT_FREE: Final = ConditionType(
    "DriftFree",
    Role.ADVISORY,
    "No feature of requests or answers drifted from its baseline.",
    (
        content.NO_DRIFT,
        content.INPUT_DRIFT,
        content.OUTPUT_DRIFT,
        shared.BASELINE_INCOMPLETE,
        *_FROM_TRAFFIC,
    ),
)
DATA_VALID: Final = ConditionType(
    "DataValid",
    Role.ADVISORY,
    "Requests pass the owner's checks (schema, languages, roles, context overflow, unknown parameters).",
    (content.REQUESTS_VALID, content.INVALID_REQUESTS, *_FROM_TRAFFIC),
)
INTERACTIONS_SAFE: Final = ConditionType(
    "InteractionsSafe",
    Role.GATING_WHEN_CONFIGURED,
    "Problematic interactions are under their limits.",
    (
        shared.WITHIN_LIMITS,
        content.SECRETS_EXPOSED,
        content.PII_EXPOSED,
        content.PROMPT_LEAKED,
        content.PROMPT_INJECTION,
        content.JAILBREAK,
        content.TOXICITY,
        content.PATTERN_FOUND,
        content.FLOOD,
        content.MANY_SHOT,
        content.ENCODED_CONTENT,
        content.REFUSALS_HIGH,
        content.REPETITION,
        content.EMPTY_ANSWERS,
        content.DETECTOR_SUSPENDED,
        content.CLIENTS_NOT_DISTINGUISHABLE,
        *_FROM_TRAFFIC,
    ),
)
QUALITY_HEALTHY: Final = ConditionType(
    "QualityHealthy",
    Role.GATING_WHEN_CONFIGURED,
    "Probes pass and the outcomes of live traffic hold.",
    (
        content.PROBES_PASS,
        content.OUTCOMES_HOLD,
        content.PROBE_FAILED,
        content.BIAS_FOUND,
        content.REGRESSED,
        content.OUTCOMES_POOR,
        content.PROBES_PENDING,
        content.PROBES_UNAUTHORIZED,
        content.NOT_ENOUGH_PAIRS,
        content.FEW_OUTCOMES,
        content.JUDGE_NOT_TRUSTED,
        *_FROM_REPORTS,
    ),
)
VERSIONS_COMPARABLE: Final = ConditionType(
    "VersionsComparable",
    Role.ADVISORY,
    "No version is worse than the one that it runs beside.",
    (
        performance.NO_DIFFERENCE,
        performance.BETTER,
        performance.WORSE,
        performance.INCONCLUSIVE,
        performance.CONFOUNDED_BY_TIME,
        performance.ONE_VERSION,
        *_FROM_TRAFFIC,
    ),
)
WITHIN_BUDGET: Final = ConditionType(
    "WithinBudget",
    Role.ADVISORY,
    "The forecast of the period's cost is under the budget.",
    (
        performance.UNDER_BUDGET,
        performance.OVERRUN,
        performance.OVERRUN_FORECAST,
        performance.MAY_OVERRUN,
        performance.NO_PRICE,
        shared.BASELINE_INCOMPLETE,
        *_FROM_REPORTS,
    ),
)

_JUDGED: Final = (
    READY,
    INJECTED,
    REPORTING,
    INTERCEPTING,
    GPU_VISIBLE,
    RESOURCES_HEALTHY,
    PERFORMANCE_HEALTHY,
    DRIFT_FREE,
    DATA_VALID,
    INTERACTIONS_SAFE,
    QUALITY_HEALTHY,
    VERSIONS_COMPARABLE,
    WITHIN_BUDGET,
)


def _borrowed_reasons() -> tuple[Reason, ...]:
    """Every gating reason for False or Unknown: the summary repeats the worst one's."""
    borrowed: dict[str, Reason] = {}
    for kind in _JUDGED:
        for reason in kind.reasons:
            if reason.gates and reason.status is not Status.TRUE:
                borrowed.setdefault(reason.name, reason)
    return tuple(borrowed.values())


HEALTHY: Final = ConditionType(
    "Healthy",
    Role.SUMMARY,
    "No gating condition is False, and none that should have a verdict lacks it.",
    (performance.ALL_HOLD, performance.NOTHING_JUDGED, *_borrowed_reasons()),
)

CONDITION_TYPES: Final[tuple[ConditionType, ...]] = (HEALTHY, *_JUDGED)
_BY_NAME: Final = {kind.name: kind for kind in CONDITION_TYPES}


def condition_type(name: str) -> ConditionType:
    """The condition type of that name.

    Raises:
        UnknownConditionError: there is none.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownConditionError(f"no condition {name!r}; there are: {', '.join(_BY_NAME)}") from None


def effective_role(kind: ConditionType, roles: Mapping[str, Role]) -> Role:
    """The role after `spec.roles` (condition name to role); the summary's cannot change."""
    if kind.role is Role.SUMMARY:
        return kind.role
    return roles.get(kind.name, kind.role)


def is_gating(kind: ConditionType, reason: Reason, roles: Mapping[str, Role]) -> bool:
    """Whether this verdict counts towards `Healthy`: by the condition's role and by the reason."""
    return reason.gates and effective_role(kind, roles).counts
