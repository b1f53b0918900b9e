"""A real model runs out of memory, CPU time and room in its queue: each is said before or with the harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from e2e import chat
from e2e.chat import Users
from e2e.kubectl import Kubectl
from e2e.waiting import condition, conditions, until

pytestmark = [pytest.mark.busy, pytest.mark.usefixtures("product")]
MINUTES = 60.0
QUICKLY: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
}
HOG = """
import time
kept = []
while True:
    kept.append(b"x" * (8 << 20))
    time.sleep(1)
"""
"""Grows by 8 MiB a second, in the model's own container."""
PYTHON = "/opt/model/bin/python"
DETACHED = """
import subprocess, sys
null = subprocess.DEVNULL  # kubectl waits for whoever holds its streams
print(subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdin=null, stdout=null, stderr=null).pid)
"""
STATE = "import sys; print(open(f'/proc/{sys.argv[1]}/stat').read().rpartition(')')[2].split()[0])"


def test_memory_that_will_reach_its_limit_is_said_before_the_kernel_kills(
    namespace: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    _serve(namespace, model_image, {"memory": "832Mi"})
    condition(namespace, chat.NAME, 3 * MINUTES, ResourcesHealthy="True", Reporting="True")
    [pod] = chat.pods(namespace)
    name = pod["metadata"]["name"]

    within = ("exec", name, "--container=server", "--", PYTHON, "-c")
    hog = namespace(*within, DETACHED, HOG).strip()
    began = time.monotonic()
    found = condition(namespace, chat.NAME, 3 * MINUTES, ResourcesHealthy="MemoryNearLimit", Healthy="False")
    said = time.monotonic()
    state_when_said, restarts_when_said = namespace(*within, STATE, hog).strip(), _restarts(namespace)
    described = namespace("describe", "llmmonitor", chat.NAME)
    until(
        lambda: _restarts(namespace) > 0 or namespace(*within, STATE, hog).strip() == "Z",
        "the kernel to end the whole container, or what has grown",
        3 * MINUTES,
    )
    left = time.monotonic() - said
    figure(f"said {said - began:.0f} s after memory began to grow, {left:.0f} s before the kernel killed")

    message = found["ResourcesHealthy"]["message"]
    assert (state_when_said, restarts_when_said) == ("S", 0)
    assert "reaches the limit in" in message
    assert "(n=" in message
    assert "of 832 MiB" in message
    assert "MemoryNearLimit" in described


def test_a_cpu_limit_that_is_too_small_is_said_with_the_share(namespace: Kubectl, model_image: str) -> None:
    _serve(namespace, model_image, {"cpu": "300m"})
    condition(namespace, chat.NAME, 3 * MINUTES, Ready="True", Reporting="True")

    users = Users(namespace, model_image, "--seconds=180", "--users=1", "--tokens=64", "--stream=1")
    found = condition(namespace, chat.NAME, 3 * MINUTES, ResourcesHealthy="CPUThrottled", Healthy="False")

    message = found["ResourcesHealthy"]["message"]
    assert "limit of 0.3 cores" in message
    assert "% of the last minute >" in message
    assert "CPUThrottled" in namespace("describe", "llmmonitor", chat.NAME)
    namespace("delete", f"pod/{users.name}", "--wait=false")


def test_a_queue_is_said_before_anybody_has_waited_too_long(
    namespace: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    objective = {"name": "quick", "signal": "TimeToFirstToken", "threshold": "60s", "target": "90%"}
    _serve(namespace, model_image, {}, performance={"objectives": [{**objective, "window": "1h"}]})
    condition(namespace, chat.NAME, 3 * MINUTES, Intercepting="True", ResourcesHealthy="True")

    users = Users(
        namespace, model_image, "--seconds=120", "--users=100", "--tokens=200", "--stream=1", "--patience=120"
    )
    first = condition(namespace, chat.NAME, 3 * MINUTES, ResourcesHealthy="Saturated", Healthy="False")
    said = time.monotonic()
    latency_then = conditions(namespace, chat.NAME)["PerformanceHealthy"]
    then = condition(namespace, chat.NAME, 3 * MINUTES, PerformanceHealthy="BurnRateHigh")
    figure(f"saturation was said {time.monotonic() - said:.0f} s before latency")

    assert latency_then["status"] != "False"
    assert "waiting" in first["ResourcesHealthy"]["message"]
    assert "(n=" in first["ResourcesHealthy"]["message"]
    assert "saturated: " in then["PerformanceHealthy"]["message"]
    assert "quick" in then["PerformanceHealthy"]["message"]
    described = namespace("describe", "llmmonitor", chat.NAME)
    assert "Saturated" in described
    assert "BurnRateHigh" in described
    namespace("delete", f"pod/{users.name}", "--wait=false")


def _serve(namespace: Kubectl, image: str, limits: Mapping[str, str], **spec: Any) -> None:
    """The model with these limits, and its monitor."""
    model = chat.model(image)
    [server] = model["spec"]["template"]["spec"]["containers"]
    server["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": dict(limits)}
    namespace.apply(model, chat.service())
    namespace("rollout", "status", f"deployment/{chat.NAME}", "--timeout=180s")
    namespace.apply(chat.monitor(**QUICKLY, **spec))


def _restarts(namespace: Kubectl) -> int:
    [pod] = chat.pods(namespace)
    [server] = pod["status"]["containerStatuses"]
    return int(server["restartCount"])
