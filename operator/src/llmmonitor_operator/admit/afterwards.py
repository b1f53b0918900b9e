"""What becomes of a pod that starts without a sidecar: whoever creates it is told no more than will be so.

By the rules by which the operator attaches (`attach/decide.py`), as far as they can be known of a pod that
does not run yet. `existingPods` is none of them: it is about pods from before the monitor.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.attach.headroom import too_little
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.inject.ports import no_port_is_left
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import is_static
from llmmonitor_operator.pods.serving import NotServing, find_serving
from llmmonitor_operator.preflight.mode import ModeChoice, choose_mode
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict

ATTACHED = "it is attached once the pod runs"
IF_ADMITTED = f"{ATTACHED}, if the namespace admits it"
WHEN_BACK = "it is attached once the operator is back, if the namespace admits it"
_NOTHING_USED = 0.0


def afterwards(
    pod: Raw, monitor: LLMMonitor, common: Common | None, verdict: NamespaceVerdict | None, namespace: Raw
) -> str:
    """In a clause.

    Args:
        pod: as it is created.
        monitor: the one it belongs to.
        common: the sidecar of now; None while that is not known.
        verdict: of the namespace, where it was found under the rules of now; else None.
        namespace: its Namespace object.
    """
    never = never_attached(pod, monitor)
    if never:
        return never
    if common is None or verdict is None:
        return IF_ADMITTED
    choice = choose_mode(
        monitor,
        pod,
        find_serving(pod, monitor.spec.target),
        verdict,
        server_version=common.server_version,
        attaching=True,
        namespace=namespace,
    )
    if choice.mode is None:
        pending = choice.reason == reasons.PREFLIGHT_PENDING.name
        return IF_ADMITTED if pending else f"nor is it attached: {choice.reason}"
    return _where_memory_is_left(pod, common) or _read_or_not(choice)


def never_attached(pod: Raw, monitor: LLMMonitor) -> str:
    """What of the pod itself keeps a sidecar out, in a clause; empty when nothing does."""
    try:
        serving = find_serving(pod, monitor.spec.target)
    except NotServing:
        return "nor is it attached before its model server is found"
    if is_static(pod):
        return "nor can anything be attached to a static pod"
    if no_port_is_left(pod, serving, monitor.spec.interception):
        return "nor is it attached, for want of a port"
    return ""


def _where_memory_is_left(pod: Raw, common: Common) -> str:
    if too_little(pod, common.memory_limit, _NOTHING_USED):
        return f"nor is it attached: {reasons.NO_MEMORY_HEADROOM.name}"
    if too_little(pod, common.memory_limit, None):
        return f"{ATTACHED} and is seen to leave memory for it"
    return ""


def _read_or_not(choice: ModeChoice) -> str:
    unread = choice.mode is Mode.OFF and choice.reason
    return f"{ATTACHED}, and does not read its traffic: {choice.reason}" if unread else ATTACHED
