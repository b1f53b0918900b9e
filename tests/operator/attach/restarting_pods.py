"""A ReplicaSet's pods as the API server gives them, for tests of what is evicted and when."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.operator.model_pods import NOW, moment, running, running_pod

from llmmonitor_operator.attach.replicas import Workload
from llmmonitor_operator.attach.restart_seen import Replica, Seen

OWNER = "uid-set"
SET = Workload(OWNER, "ReplicaSet chat-7d4b9c", replicas=2, ready=2)
MINUTES = 60.0
WITHIN = 15 * MINUTES
OLD = "it came before the monitor"
Pod = dict[str, Any]


def old_pod(name: str, owner: str = OWNER, *, created: float = NOW - 7200, **annotations: str) -> Pod:
    """Of a ReplicaSet, Ready for long; it came before the monitor."""
    pod = running_pod(name, created=created)
    pod["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "chat-7d4b9c",
            "uid": owner,
            "controller": True,
        }
    ]
    pod["metadata"]["annotations"] = {f"llmmonitor.io/{key}": value for key, value in annotations.items()}
    return with_ready(pod, since=created + 60)


def new_pod(name: str, created: float, *, ready: float | None = None, native: bool = True) -> Pod:
    """One that the ReplicaSet made in the place of another."""
    pod = old_pod(name, created=created)
    if native:
        pod["spec"]["initContainers"] = [
            {
                "name": "llm-monitor-sidecar",
                "restartPolicy": "Always",
                "env": [{"name": "LLM_MONITOR_MODE", "value": "transparent"}],
            }
        ]
        pod["status"]["initContainerStatuses"] = [
            {"name": "llm-monitor-sidecar", "state": running(created + 1)}
        ]
    return with_ready(pod, since=ready)


def with_ready(pod: Pod, *, since: float | None) -> Pod:
    """Ready from then on, or not."""
    changed = copy.deepcopy(pod)
    status = "False" if since is None else "True"
    at = moment(NOW if since is None else since)
    changed["status"]["conditions"] = [{"type": "Ready", "status": status, "lastTransitionTime": at}]
    return changed


def leaving(pod: Pod) -> Pod:
    """On its way out."""
    changed = copy.deepcopy(pod)
    changed["metadata"]["deletionTimestamp"] = moment(NOW)
    return changed


def seen(*pods: Pod, reporting: Sequence[str] = (), ready: int | None = None, **fields: Any) -> Seen:
    """All of `pods` are the monitor's; those that came before it are to be replaced."""
    found = [
        Replica(
            pod,
            wanted="" if "initContainers" in pod["spec"] else OLD,
            reports=pod["metadata"]["name"] in reporting,
        )
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    ]
    workload = replace(SET, ready=len(pods) if ready is None else ready)
    given = {
        "generation": 1,
        "replicas": found,
        "pods": pods,
        "workloads": {OWNER: workload},
        "now": NOW,
        "within_seconds": WITHIN,
        **fields,
    }
    return Seen(**given)
