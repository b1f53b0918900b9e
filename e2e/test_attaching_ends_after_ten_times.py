"""Attached containers stay in a pod for life: after ten of them it is said that there will be no other."""

from __future__ import annotations

from e2e import chat, model_pods, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

NAME = "worn-out"
MINUTES = 60.0
ENDS = "raise SystemExit(3)"


def test_a_pod_with_ten_that_ended_is_left_alone(
    product: Installed,  # noqa: ARG001 - it must be installed
    namespace: Kubectl,
    sidecar_image: str,
) -> None:
    namespace.apply(small_models.deployment(NAME, small_models.server(sidecar_image)))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    [pod] = chat.pods(namespace, NAME)
    pod["spec"]["ephemeralContainers"] = [
        model_pods.container(
            f"llm-monitor-{number}", sidecar_image, ENDS, targetContainerName=small_models.CONTAINER
        )
        for number in range(1, 11)
    ]
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/ephemeralcontainers"
    namespace("replace", f"--raw={path}", "--filename=-", document=pod)
    until(lambda: _ended(namespace) == 10, "all ten to end", 2 * MINUTES)

    namespace.apply(small_models.monitor(NAME))
    found = condition(namespace, NAME, 2 * MINUTES, Injected="AttachExhausted")

    message = found["Injected"]["message"]
    assert "attached 10 times, which is the limit; the last one ended: Error" in message
    [pod] = chat.pods(namespace, NAME)
    assert len(pod["spec"]["ephemeralContainers"]) == 10
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    small_models.remove(namespace, NAME)


def _ended(namespace: Kubectl) -> int:
    [pod] = chat.pods(namespace, NAME)
    return sum("terminated" in one["state"] for one in pod["status"].get("ephemeralContainerStatuses") or ())
