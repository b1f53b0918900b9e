"""A pod has one monitor, the older of two; a monitor without pods says so and is well."""

from __future__ import annotations

from e2e import chat, small_models
from e2e.kubectl import Kubectl
from e2e.waiting import condition

MINUTES = 60.0


def test_the_younger_of_two_monitors_is_in_conflict(proved: Kubectl, sidecar_image: str) -> None:
    small_models.monitored(proved, "elder", small_models.server(sidecar_image))
    condition(proved, "elder", 3 * MINUTES, Ready="True", Injected="True", Reporting="True")
    [pod] = chat.pods(proved, "elder")

    proved.apply(small_models.monitor("younger", app="elder"))
    found = condition(proved, "younger", 1 * MINUTES, Ready="Conflicted", Reporting="PodsOfOlderMonitor")

    assert found["Ready"]["status"] == "False"
    assert f"LLMMonitor elder is older and has {pod['metadata']['name']}" in found["Ready"]["message"]
    condition(proved, "elder", Ready="True", Injected="True")
    [after] = chat.pods(proved, "elder")
    assert after["spec"] == pod["spec"]

    proved("delete", "llmmonitor/elder")
    condition(proved, "younger", 2 * MINUTES, Ready="True", Injected="True", Reporting="True")
    small_models.remove(proved, "elder", "younger")


def test_a_monitor_without_pods_says_so(proved: Kubectl) -> None:
    proved.apply(small_models.monitor("nobody"))

    found = condition(proved, "nobody", 1 * MINUTES, Injected="NoMatchingPods", Reporting="NoMatchingPods")

    assert found["Ready"]["status"] == "True"
    assert "no running pod matches the selector" in found["Ready"]["message"]
    small_models.remove(proved, "nobody")
