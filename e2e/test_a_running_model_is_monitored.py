"""What the README promises, in its order, on one real model: the tests of this file follow one another."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import chat
from e2e.chat import Users
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.model_pods import health
from e2e.prometheus import Prometheus
from e2e.small_models import injected as injected_by_webhook
from e2e.waiting import condition, requests, until

pytestmark = pytest.mark.busy
MINUTES = 60.0
PATIENT: dict[str, Any] = {"interception": {"maxAddedLatency": "1s"}}
"""An attached sidecar has the least claim to a CPU of all, and steps aside when it adds more than 5 ms unless
told otherwise; on two cores beside a model that fills them that is often, as it should be."""


def test_a_monitor_with_only_a_selector_attaches_to_the_running_model(served: Kubectl) -> None:
    [before] = chat.pods(served)

    served.apply(chat.monitor())
    found = condition(served, "chat", 2 * MINUTES, Ready="True", Injected="True", Reporting="True")

    [pod] = chat.pods(served)
    assert pod["metadata"]["uid"] == before["metadata"]["uid"]
    assert [one["name"] for one in pod["spec"]["ephemeralContainers"]] == ["llm-monitor-1"]
    [server] = pod["status"]["containerStatuses"]
    assert server["restartCount"] == 0
    assert "1 attached" in found["Injected"]["message"]
    assert served.get("llmmonitor/chat")["status"]["pods"]["summary"] == "1/1"


def test_traffic_through_the_service_is_read(served: Kubectl, model_image: str) -> None:
    served.apply(chat.monitor(**PATIENT))
    condition(served, "chat", 3 * MINUTES, Intercepting="True")  # the kubelet asks already
    before = requests(served, "chat")
    seen = Users(served, model_image, "--seconds=20", "--users=1", "--tokens=8").seen()

    found = condition(
        served,
        "chat",
        1 * MINUTES,
        Intercepting="True",
        PerformanceHealthy="True",
        ResourcesHealthy="True",
        Healthy="True",
    )
    every = before + seen["answered"]
    until(lambda: requests(served, "chat") >= every, "every answered request to be counted", 3 * MINUTES)
    status = served.get("llmmonitor/chat")["status"]
    assert seen["failed_connections"] == seen["broken_answers"] == 0
    assert seen["answered"] > 0
    assert status["window"]["requests"] == every
    assert status["engine"]["name"] == "LlamaCpp"
    ttft = status["performance"]["timeToFirstTokenSeconds"]
    assert 0 < ttft["p50"]["value"] <= ttft["p99"]["value"]
    assert ttft["count"] > 0
    assert "n=" in found["PerformanceHealthy"]["message"]


def test_describe_and_get_show_it(served: Kubectl) -> None:
    text = served("describe", "llmmonitor", "chat")
    table = served("get", "llmm")

    for kind in ("Ready", "Injected", "Reporting", "Intercepting", "PerformanceHealthy", "Healthy"):
        assert f"Type:                  {kind}\n" in text
    header, row = table.splitlines()[0].split(), table.splitlines()[1].split()
    shown = dict(zip(header, row, strict=False))
    assert shown["PODS"] == "1/1"
    assert shown["HEALTHY"] == "True"
    assert shown["ENGINE"] == "LlamaCpp"


def test_a_new_replica_comes_with_the_sidecar(served: Kubectl, product: Installed) -> None:
    until(
        lambda: "proved_image" in product.verdict(served.namespace),
        "the image to be proved in this namespace",
        2 * MINUTES,
    )

    served("scale", "deployment/chat", "--replicas=2")
    served("rollout", "status", "deployment/chat", "--timeout=120s")

    _, new = chat.pods(served)
    assert new["spec"]["initContainers"][0]["name"] == "llm-monitor-sidecar"
    assert new["spec"]["initContainers"][0]["restartPolicy"] == "Always"
    until(lambda: _pods(served)["summary"] == "2/2", "both pods to report", 2 * MINUTES)
    condition(served, "chat", 10.0, Ready="True", Injected="True", Reporting="True")
    counted = _pods(served)
    assert (counted["attached"], counted["injected"]) == (1, 1)


def _pods(served: Kubectl) -> dict[str, Any]:
    return dict(served.get("llmmonitor/chat")["status"]["pods"])


def test_overload_is_said_with_numbers_and_passes(
    served: Kubectl, model_image: str, prometheus: Prometheus
) -> None:
    objective = {"name": "quick", "signal": "TimeToFirstToken", "threshold": "700ms", "target": "90%"}
    settings: dict[str, Any] = {
        "performance": {"objectives": [{**objective, "window": "1h"}]},
        "clearAfter": "80s",  # longer than a condition must be False to be an alert
        **PATIENT,
    }
    served.apply(chat.monitor(**settings))
    quiet = Users(served, model_image, "--seconds=600", "--users=1", "--tokens=4", "--stream=1")
    condition(served, "chat", 2 * MINUTES, PerformanceHealthy="True")

    Users(served, model_image, "--seconds=45", "--users=24", "--tokens=24", "--stream=1")
    found = condition(served, "chat", 3 * MINUTES, PerformanceHealthy="False", Healthy="False")
    of_it = {"alertname": "LLMPerformanceUnhealthy", "namespace": str(served.namespace), "monitor": "chat"}
    until(lambda: prometheus.firing(**of_it), "the alert to fire", 2 * MINUTES)
    condition(served, "chat", 8 * MINUTES, PerformanceHealthy="True")  # the longest window is of six
    until(lambda: not prometheus.firing(**of_it), "the alert to end", 1 * MINUTES)

    message = found["PerformanceHealthy"]["message"]
    assert found["PerformanceHealthy"]["reason"] == "BurnRateHigh"
    assert "quick" in message
    assert "n=" in message
    events = served("describe", "llmmonitor", "chat").partition("\nEvents:")[2]
    assert "PerformanceHealthy True → False" in events
    assert "PerformanceHealthy False → True" in events
    served("delete", f"pod/{quiet.name}", "--wait=false")


def test_prometheus_has_the_figures_of_operator_and_sidecars(served: Kubectl, prometheus: Prometheus) -> None:
    total, of_it = "llm_monitor_requests_total", f'namespace="{served.namespace}"'
    [injected] = [pod for pod in chat.pods(served) if injected_by_webhook(pod)]

    [merged] = prometheus.ask(f'sum({total}{{job="llm-monitor-operator", {of_it}}})')
    sidecars = prometheus.ask(f'sum by (pod) ({total}{{job!="llm-monitor-operator", {of_it}}})')
    recorded = prometheus.ask(f'llm_monitor:time_to_first_token_seconds:p95_5m{{{of_it}, monitor="chat"}}')

    assert [one["metric"]["pod"] for one in sidecars] == [injected["metadata"]["name"]]
    assert 0 < float(sidecars[0]["value"][1]) <= float(merged["value"][1])
    assert len(recorded) == 1
    assert float(recorded[0]["value"][1]) > 0


def test_nothing_of_kopf_is_on_the_monitor(served: Kubectl) -> None:
    metadata = served.get("llmmonitor/chat")["metadata"]

    assert "finalizers" not in metadata
    assert not [key for key in metadata.get("annotations", {}) if "kopf" in key]


def test_a_deleted_monitor_leaves_traffic_direct(served: Kubectl, model_image: str) -> None:
    served("delete", "llmmonitor/chat", "--timeout=20s")

    until(lambda: _stopped(served), "both sidecars to be stopped", 1 * MINUTES)
    seen = Users(served, model_image, "--seconds=5", "--users=1", "--tokens=4").seen()

    assert seen["failed_connections"] == seen["broken_answers"] == 0
    assert seen["answered"] > 0


def _stopped(served: Kubectl) -> bool:
    said = [health(served, pod["metadata"]["name"]) for pod in chat.pods(served)]
    return all(one.get("reason") == "Stopped" for one in said)
