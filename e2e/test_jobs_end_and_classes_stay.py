"""What an injected pod was before, it still is: a Job that ends, and of the same quality-of-service class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from e2e import chat, small_models
from e2e.kubectl import Kubectl
from e2e.waiting import until

MINUTES = 60.0
SIZED = {"cpu": "50m", "memory": "64Mi"}
CLASSES: dict[str, dict[str, Any]] = {
    "BestEffort": {},
    "Burstable": {"requests": SIZED, "limits": {"memory": "128Mi"}},
    "Guaranteed": {"requests": SIZED, "limits": SIZED},
}


@pytest.fixture
def classes(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored Deployment of each class."""
    proved.apply(*(small_models.monitor(one.lower()) for one in CLASSES))
    proved.apply(
        *(
            small_models.deployment(one.lower(), small_models.server(sidecar_image, resources=resources))
            for one, resources in CLASSES.items()
        )
    )
    yield proved
    small_models.remove(proved, *(one.lower() for one in CLASSES))


def test_an_injected_pod_keeps_its_class(classes: Kubectl) -> None:
    for one in CLASSES:
        classes("rollout", "status", f"deployment/{one.lower()}", "--timeout=180s")

    for one in CLASSES:
        [pod] = chat.pods(classes, one.lower())
        assert small_models.injected(pod)
        assert pod["status"]["qosClass"] == one


def test_a_job_with_the_sidecar_completes(proved: Kubectl, sidecar_image: str) -> None:
    proved.apply(small_models.monitor("batch"))
    proved.apply(small_models.job("batch", small_models.server(sidecar_image, seconds=10)))

    [pod] = until(lambda: chat.pods(proved, "batch"), "the Job's pod", 1 * MINUTES)
    proved("wait", "--for=condition=Complete", "job/batch", "--timeout=180s")

    [ended] = chat.pods(proved, "batch")
    assert ended["metadata"]["uid"] == pod["metadata"]["uid"]
    assert small_models.injected(ended)
    assert ended["status"]["phase"] == "Succeeded"
    proved("delete", "job/batch", "llmmonitor/batch", "--wait=false")
