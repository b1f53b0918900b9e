"""The sidecar as an ephemeral container: how it comes into a pod that runs already.

The API takes neither ports, probes nor resources for it, and it can never be removed, so each one has a
number. It shares the model's process namespace and ends with it.
"""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.inject import environment
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.inject.security import security_context
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import ATTACHMENTS_LIMIT, EPHEMERAL_PREFIX


def ephemeral(pod: Raw, plan: Plan, number: int) -> dict[str, Any]:
    """The container, for the end of `spec.ephemeralContainers`.

    Args:
        pod: as it runs, with uid and address.
        plan: in mode Transparent or Off.
        number: from 1 to 10, one that the pod does not have yet.

    Raises:
        ValueError: the number is out of range, or the mode needs the model's port.
    """
    if not 1 <= number <= ATTACHMENTS_LIMIT:
        raise ValueError(f"a pod is attached to at most {ATTACHMENTS_LIMIT} times, not {number}")
    if plan.mode is Mode.LISTEN:
        raise ValueError("mode Port cannot be attached: a running pod's ports cannot be given away")
    name = f"{EPHEMERAL_PREFIX}{number}"
    return {
        "name": name,
        "image": plan.sidecar.image,
        "imagePullPolicy": plan.sidecar.pull_policy,
        "targetContainerName": plan.serving.container,
        "env": [
            *environment.in_words(pod),
            *environment.settings(pod, plan),
            environment.variable("CONTAINER", name),
        ],
        "securityContext": security_context(plan.mode),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
