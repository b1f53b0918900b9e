"""An attached sidecar shares the processes of the model's container and ends with it; another one follows."""

from __future__ import annotations

from e2e import chat, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

NAME = "restarting"
LIFE_SECONDS = 45.0
"""Of the model's process: long enough to be attached to, twice on a slow machine."""


def test_after_a_restart_of_the_model_a_second_sidecar_is_attached(
    product: Installed,  # noqa: ARG001 - it must be installed
    namespace: Kubectl,
    sidecar_image: str,
) -> None:
    server = small_models.server(sidecar_image, seconds=LIFE_SECONDS)
    namespace.apply(small_models.deployment(NAME, server))
    namespace("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    namespace.apply(small_models.monitor(NAME))
    until(lambda: _attached(namespace) == ["llm-monitor-1"], "the first sidecar to be attached", 60.0)

    until(lambda: _restarts(namespace) >= 1, "the model to restart", 120.0)
    until(lambda: "llm-monitor-2" in _attached(namespace), "another sidecar to be attached", 180.0)

    found = condition(namespace, NAME, 180.0, Injected="True", Reporting="True")
    assert "1 attached" in found["Injected"]["message"]
    small_models.remove(namespace, NAME)


def _attached(namespace: Kubectl) -> list[str]:
    [pod] = chat.pods(namespace, NAME)
    return [one["name"] for one in pod["spec"].get("ephemeralContainers") or ()]


def _restarts(namespace: Kubectl) -> int:
    [pod] = chat.pods(namespace, NAME)
    return int(pod["status"]["containerStatuses"][0]["restartCount"])
