"""Reasons that speak of the model's machine and speed, and of the summary.

For ResourcesHealthy, PerformanceHealthy, WithinBudget, VersionsComparable and Healthy.
"""

from llmmonitor_api.conditions.registry import fails, holds, not_judged, undecided

# ResourcesHealthy
MEMORY_NEAR_LIMIT = fails(
    "MemoryNearLimit",
    "Memory is above spec.resources.memory of its limit, or grows so that it will reach the limit soon.",
    "Raise the limit, or lower the engine's batch, context or cache size, before the kernel kills the model.",
)
OOM_KILLED = fails(
    "OOMKilled",
    "The kernel killed a process of the pod for memory within the window.",
    "Raise the memory limit or lower the engine's memory settings.",
)
CPU_THROTTLED = fails(
    "CPUThrottled",
    "The CPU limit held the model back for more of the last minute than spec.resources.cpuThrottled.",
    "Raise or remove the CPU limit.",
)
GPU_ERRORS = fails(
    "GPUErrors",
    "A GPU was lost, reported errors of its own (XID, uncorrectable ECC) within the window, could not repair"
    " its memory, or was held down by heat or a failing power supply; or its driver does not answer.",
    "Look up the XID of the message; drain the node and reset the GPU if it recurs; check cooling and power.",
)
KV_CACHE_SATURATED = fails(
    "KVCacheSaturated",
    "The engine's KV cache is above spec.resources.kvCache: requests queue or are preempted.",
    "Add replicas, shorten the context, or give the engine more GPU memory.",
)
SATURATED = fails(
    "Saturated",
    "Requests wait in the engine's queue without a break, and ever more of them or more than it works on.",
    "Add replicas, or let clients send fewer requests at once; latency suffers next.",
)
PROCESSES_NOT_VISIBLE = not_judged(
    "ProcessesNotVisible",
    "The model's processes cannot be seen from the sidecar, and no other source gives their figures.",
    "Set spec.resources.processes to Shared, or install metrics-server.",
)

# PerformanceHealthy
OBJECTIVES_HOLD = holds(
    "ObjectivesHold", "No objective burns its error budget too fast, and nothing is stalled."
)
STALLED = fails(
    "Stalled",
    "Requests are in flight and no token has come for spec.performance.stallAfter.",
    "The model hangs: look at the engine's log and the GPU; restarting the pod usually frees it.",
)
BURN_RATE_HIGH = fails(
    "BurnRateHigh",
    "An objective's error budget burns faster than its window allows, over a long and a short window.",
    "See status.objectives for which one, and status.resources for what is saturated.",
)
ANOMALY = fails(
    "Anomaly",
    "A figure left the range of this monitor's own history, allowing for the hour of the day.",
    "Compare with what changed at the time the message gives: traffic, version, node.",
)

# WithinBudget
UNDER_BUDGET = holds("UnderBudget", "Cost so far and its forecast are under the budget.")
OVERRUN = fails("Overrun", "The period's budget is spent.", "Raise the budget, or scale down.")
OVERRUN_FORECAST = fails(
    "OverrunForecast",
    "Even the lower 80 % bound of the forecast exceeds the period's budget.",
    "Scale down, or raise the budget, before it is spent.",
)
MAY_OVERRUN = holds(
    "MayOverrun",
    "The forecast's 80 % interval reaches above the budget and begins below it; the message gives it.",
)
NO_PRICE = not_judged("NoPrice", "No price is set, so cost is not known.", "Set spec.cost.hourlyRate.")

# VersionsComparable
NO_DIFFERENCE = holds("NoDifference", "The versions differ by less than the declared margin.")
BETTER = holds("Better", "The newer version is better than the one it runs beside, and worse in nothing.")
WORSE = fails(
    "Worse",
    "A version is worse than the one it runs beside, by matched requests of the same time.",
    "Roll it back, or accept it; status.versions gives the figures.",
)
INCONCLUSIVE = undecided(
    "Inconclusive",
    "It is too early to say whether the versions differ by more than the margin.",
    "Wait for more requests of both versions.",
)
CONFOUNDED_BY_TIME = undecided(
    "ConfoundedByTime",
    "Figures changed with the version, but the two did not run at the same time, so time may be the cause.",
    "Run both versions at once, or set probes: these are compared across time.",
)
ONE_VERSION = not_judged("OneVersion", "Only one version has run, so there is nothing to compare.")

# Healthy
ALL_HOLD = holds("AllHold", "No gating condition is False or Unknown.")
NOTHING_JUDGED = undecided(
    "NothingJudged", "No gating condition could be judged.", "See the message for what each one lacks."
)
