"""Other weights behind the same name, image and arguments: said as a new version, probed, and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from e2e import chat
from e2e.chat import Users
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, until

pytestmark = [pytest.mark.busy, pytest.mark.usefixtures("product")]
MINUTES = 60.0
OTHER_WEIGHTS = {"name": "LLAMA_ARG_MODEL", "value": "/weights/gemma3.gguf"}
CAPITAL = {
    "name": "capital",
    "prompt": "What is the capital of France? Answer in one sentence.",
    "expect": {"contains": "Paris"},
}
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "quality": {"probes": [CAPITAL], "suites": ["facts"], "minPassed": "1%"},
    "performance": {
        "objectives": [{"name": "answered", "signal": "ErrorRate", "target": "90%", "window": "1h"}],
    },
}
"""Without a schedule: a round is asked when the model changed, and at no other time."""


def test_a_swap_is_a_new_version_with_a_round_of_probes_of_its_own(
    namespace: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    namespace.apply(chat.model(model_image), chat.service(), chat.monitor(**SETTINGS))
    namespace("rollout", "status", "deployment/chat", "--timeout=120s")
    condition(namespace, chat.NAME, 5 * MINUTES, QualityHealthy="True", Ready="True")
    first = _status(namespace)
    seen = Users(namespace, model_image, "--seconds=10", "--users=1", "--tokens=8").seen()

    served = chat.model(model_image)
    served["spec"]["template"]["spec"]["containers"][0]["env"] = [OTHER_WEIGHTS]
    namespace.apply(served)
    namespace("rollout", "status", "deployment/chat", "--timeout=180s")
    [changed] = until(
        lambda: [one for one in events(namespace, chat.NAME) if "weights" in one or "version" in one],
        "an Event to say that the model changed",
        3 * MINUTES,
    )
    judged = condition(namespace, chat.NAME, 5 * MINUTES, QualityHealthy="ProbeFailed", Healthy="False")
    compared = condition(namespace, chat.NAME, 1 * MINUTES, VersionsComparable="Unknown")
    second = _status(namespace)
    figure(f"event: {changed}")
    figure(f"quality: {judged['QualityHealthy']['message']}")
    figure(f"versions: {compared['VersionsComparable']['message']}")

    assert seen["answered"] > 0
    assert len(first["versions"]) == 1
    assert len(second["versions"]) == 2
    assert second["quality"]["lastRound"] > first["quality"]["lastRound"]
    assert "capital" in judged["QualityHealthy"]["message"]
    assert compared["VersionsComparable"]["reason"] in {"Inconclusive", "ConfoundedByTime"}
    described = namespace("describe", "llmmonitor", chat.NAME)
    assert "ModelChanged" in described
    assert "Paris" not in json.dumps(second)  # what was answered; the question is in the spec


def _status(namespace: Kubectl) -> dict[str, Any]:
    return dict(namespace.get(f"llmmonitor/{chat.NAME}")["status"])
