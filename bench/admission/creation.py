"""Creates pods at a steady rate, come what may, and takes the time of each until its answer.

A pod that has to wait because earlier ones are slow counts with its wait. The pods serve a model by their
manifest, belong to a controller, and are scheduled by nobody, so that only the API server works on them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.pods.pod import our_native

PER_SECOND = 50.0


@dataclass(slots=True)
class Created:
    """What became of the pods of one run."""

    milliseconds: list[float] = field(default_factory=list)
    injected: int = 0
    failures: Counter[str] = field(default_factory=Counter)


def pod(namespace: str, owner_uid: str) -> dict[str, Any]:
    """A pod of vLLM, as a ReplicaSet would make it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "chat-",
            "namespace": namespace,
            "labels": {"app": "chat"},
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "name": "owner",
                    "uid": owner_uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "schedulerName": "none",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "vllm",
                    "image": "vllm/vllm-openai:v0.11.0",
                    "args": ["--model", "HuggingFaceTB/SmolLM2-135M-Instruct", "--port", "8000"],
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
                }
            ],
        },
    }


async def create(kube: Kube, namespace: str, owner_uid: str, seconds: float) -> Created:
    """Create `PER_SECOND` pods a second for `seconds`, then delete them all."""
    body, path = pod(namespace, owner_uid), paths.pods(namespace)
    created = Created()
    begun = time.monotonic()

    async def one(due: float) -> None:
        try:
            answer = await kube.create(path, body)
        except ApiError as error:
            created.failures[type(error).__name__] += 1
        else:
            created.milliseconds.append(1000 * (time.monotonic() - due))
            created.injected += our_native(answer) is not None

    async with asyncio.TaskGroup() as tasks:
        for number in range(max(1, int(PER_SECOND * seconds))):
            due = begun + number / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.create_task(one(due))
    await _empty(kube, path)
    return created


def calls(metrics: str) -> tuple[float, float]:
    """How often the API server has called the webhook since it began, and how many milliseconds that took.

    Args:
        metrics: its own, as text.
    """
    found = {"count": 0.0, "sum": 0.0}
    for line in metrics.splitlines():
        for kind in found:
            name = f"apiserver_admission_webhook_admission_duration_seconds_{kind}{{"
            if line.startswith(name) and 'name="inject.llmmonitor.io"' in line:
                found[kind] += float(line.rpartition(" ")[2])
    return found["count"], 1000 * found["sum"]


async def _empty(kube: Kube, path: str) -> None:
    while (await kube.list(path)).items:
        await kube.delete(path)
        await asyncio.sleep(0.2)
