"""Reasons that more than one condition type gives: nothing to judge, or nothing to judge it by.

The first four never gate (signals.md): a monitor of whose owner set no limits is not of unknown health.
"""

from llmmonitor_api.conditions.registry import holds, not_judged, undecided

NOT_CONFIGURED = not_judged(
    "NotConfigured",
    "The monitor's spec asks for nothing here, so there is no verdict.",
    "Set the section of the spec that this condition judges.",
)
NOT_APPLICABLE = not_judged(
    "NotApplicable",
    "This condition has no meaning where the monitor runs, for example without a cluster.",
)
NOT_VISIBLE = not_judged(
    "NotVisible",
    "What this condition judges by cannot be seen from the sidecar, and no other source gives it.",
)
BASELINE_INCOMPLETE = not_judged(
    "BaselineIncomplete",
    "The baseline is still being learnt: scores so far are provisional.",
    "Wait until the baseline has the time and the requests that the message names.",
)

NO_REPORTS = undecided(
    "NoReports",
    "No fresh report of any sidecar is at hand, so there is nothing to judge by.",
    "See the conditions Injected and Reporting.",
)
NO_MATCHING_PODS = undecided(
    "NoMatchingPods",
    "The selector matches no running pod.",
    "Nothing if the model is scaled to zero; otherwise compare spec.selector with the labels of the pods.",
)
NO_SPEC_IN_FORCE = undecided(
    "NoSpecInForce",
    "No spec of this monitor was valid yet, the last valid one could not be kept or read, or the monitor is "
    "where nothing is monitored: no pod is looked at.",
    "See the condition Ready.",
)
PODS_OF_OLDER_MONITOR = undecided(
    "PodsOfOlderMonitor",
    "Every pod that the selector matches belongs to an older LLMMonitor.",
    "See the condition Ready.",
)
NO_TRAFFIC = undecided(
    "NoTraffic",
    "No request was seen for longer than spec.holdFor, and the last verdict is too old to repeat.",
    "Send a request.",
)
TOO_FEW_REQUESTS = undecided(
    "TooFewRequests",
    "There were requests, but fewer than a verdict of the stated error rate needs.",
    "Wait for more requests, or lengthen the window that the message names.",
)
WITHIN_LIMITS = holds("WithinLimits", "Every figure that has a limit is within it.")
