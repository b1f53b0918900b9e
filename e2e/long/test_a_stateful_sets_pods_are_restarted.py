"""`existingPods: Restart` on a StatefulSet: each pod comes back under its own name, one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import chat, small_models
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT
from e2e.waiting import condition, events, until

NAME = "ordered"
MINUTES = 60.0
PROBE = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}


def stateful_set(image: str) -> dict[str, Any]:
    found = small_models.deployment(NAME, small_models.server(image, readinessProbe=PROBE), replicas=2)
    spec = {**found["spec"], "serviceName": NAME}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": NAME}, "spec": spec}


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("product")
def test_each_is_ready_under_its_name_before_the_next_goes(namespace: Kubectl, sidecar_image: str) -> None:
    namespace.apply(stateful_set(sidecar_image))
    namespace("rollout", "status", f"statefulset/{NAME}", "--timeout=180s")
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in chat.pods(namespace, NAME)}
    ready = []

    def all_done() -> bool:
        ready.append(sum(map(small_models.ready, chat.pods(namespace, NAME))))
        status = namespace.get(f"llmmonitor/{NAME}").get("status") or {}
        return bool((status.get("pods", {}).get("restart") or {}).get("done") == len(before))

    namespace.apply(small_models.monitor(NAME, existingPods="Restart"))
    until(all_done, "both pods to be replaced", 6 * MINUTES)
    condition(namespace, NAME, 2 * MINUTES, Ready="True", Injected="True", Reporting="True")

    after = {pod["metadata"]["name"]: pod for pod in chat.pods(namespace, NAME)}
    assert after.keys() == before.keys()
    assert not {pod["metadata"]["uid"] for pod in after.values()} & set(before.values())
    assert all(map(small_models.injected, after.values()))
    assert not any(map(small_models.attached, after.values()))
    assert min(ready) >= 1, "both were away at once"
    evicted = [words for words in events(namespace, NAME) if words.startswith("evicted pod")]
    assert [words.split(",")[0].split("(")[1] for words in evicted] == ["1 of 2)", "2 of 2)"]
