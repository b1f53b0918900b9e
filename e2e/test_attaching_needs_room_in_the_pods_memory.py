"""An attached sidecar's memory counts in the pod's limit: it comes in only where that leaves room for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from e2e import chat, small_models
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import condition, conditions, until

MINUTES = 60.0
MIB = 1 << 20
TIGHT, ROOMY, FULL = "tight", "roomy", "full"
MEMORY: dict[str, dict[str, Any]] = {
    TIGHT: {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    # room beside what it uses, but not beside what it asks for: its use has to be known
    FULL: {"requests": {"cpu": "10m", "memory": "700Mi"}, "limits": {"memory": "700Mi"}},
    ROOMY: {"requests": {"cpu": "10m", "memory": "192Mi"}, "limits": {"memory": "640Mi"}},
}
BALLAST = {FULL: 640 * MIB}
"""Leaves about 50 MiB beside the server itself."""


@pytest.fixture(scope="module")
def models(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """Both run before their monitors come, so that they can only be attached to."""
    proved.apply(
        *(
            small_models.deployment(
                name, small_models.server(sidecar_image, resources=resources, ballast=BALLAST.get(name, 0))
            )
            for name, resources in MEMORY.items()
        )
    )
    for name in MEMORY:
        proved("rollout", "status", f"deployment/{name}", "--timeout=120s")
    proved.apply(*(small_models.monitor(name) for name in MEMORY))
    yield proved
    small_models.remove(proved, *MEMORY)


def test_without_room_the_pod_is_left_alone_and_the_figures_are_said(models: Kubectl) -> None:
    found = condition(models, TIGHT, 1 * MINUTES, Injected="NoMemoryHeadroom")

    message = found["Injected"]["message"]
    assert found["Injected"]["status"] == "False"
    assert "of 256 MiB left" in message
    assert "attaching needs 512 MiB" in message
    [pod] = chat.pods(models, TIGHT)
    assert not small_models.attached(pod)


def test_a_model_that_uses_all_but_fifty_mib_is_left_alone_and_lives(models: Kubectl) -> None:
    found = condition(models, FULL, 3 * MINUTES, Injected="NoMemoryHeadroom")

    message = until(lambda: _measured(models), "its use to be measured and said", 3 * MINUTES)
    assert found["Injected"]["status"] == "False"
    assert re.search(r"[3-5]\d(\.\d)? MiB of 700 MiB left beside 6[4-7]\d MiB used", message), message
    [pod] = chat.pods(models, FULL)
    assert not small_models.attached(pod)
    [server] = pod["status"]["containerStatuses"]
    assert server["restartCount"] == 0


def _measured(models: Kubectl) -> str:
    message = str(conditions(models, FULL)["Injected"].get("message", ""))
    return message if "used;" in message else ""


def test_what_the_pod_really_uses_is_asked_for_where_it_decides(models: Kubectl) -> None:
    try:
        models("get", "--raw=/apis/metrics.k8s.io/v1beta1")
    except Refused as refused:
        pytest.skip(f"!!! NOT TESTED: this cluster has no metrics-server: {refused}")

    found = condition(models, ROOMY, 3 * MINUTES, Injected="True", Reporting="True")

    assert "1 attached" in found["Injected"]["message"]
    [pod] = chat.pods(models, ROOMY)
    assert small_models.attached(pod)
