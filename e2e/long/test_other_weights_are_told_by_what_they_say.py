"""Weights of which only some bytes are others, behind the same name, size and command: canaries alone tell.

The model runs as a user of its own, so that no sidecar may look into its files; what the engine says of the
weights is the same. Two rounds of canaries that are alike make another model: they are five minutes apart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from e2e import chat
from e2e.kubectl import Kubectl
from e2e.waiting import events, until

pytestmark = [pytest.mark.busy, pytest.mark.usefixtures("product"), pytest.mark.timeout(1200)]
MINUTES = 60.0
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "resources": {"processes": "Never"},
    "quality": {
        "probes": [
            {
                "name": "capital",
                "prompt": "What is the capital of France? Answer in one sentence.",
                "expect": {"matches": "."},
                "maxTokens": 32,
            }
        ]
    },
}
"""Without a schedule: a round is asked when the model changed, and at no other time."""
_SERVED = "/served/model.gguf"
_COPY = f"""
import shutil, sys
shutil.copyfile("/weights/smollm2.gguf", "{_SERVED}")
with open("{_SERVED}", "r+b") as weights:
    weights.seek(0, 2)
    weights.seek(weights.tell() // 2)  # among the tensors of the middle layers
    weights.write(bytes(int(sys.argv[1])))
"""
DAMAGED_BYTES = 4 * 1024 * 1024
"""Of 98 million; what the others are stays, and the model talks on."""


def test_the_same_weights_again_are_no_change_and_others_are(
    namespace: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    namespace.apply(chat.service(), chat.monitor(**SETTINGS))
    _serve(namespace, model_image, zeroed_bytes=0)
    until(lambda: _canaries(namespace), "a first round of canaries", 4 * MINUTES)
    restarted = datetime.now(UTC)
    namespace("rollout", "restart", "deployment/chat")
    namespace("rollout", "status", "deployment/chat", "--timeout=180s")
    until(lambda: _is_after(_canaries(namespace).get("asked"), restarted), "another round", 4 * MINUTES)
    same, unchanged = _canaries(namespace), _changes(namespace)

    _serve(namespace, model_image, zeroed_bytes=DAMAGED_BYTES)
    [changed] = until(lambda: _changes(namespace), "an Event to say that the model changed", 9 * MINUTES)
    lately = datetime.now(UTC) - timedelta(seconds=10)
    until(lambda: _is_after(_quality(namespace).get("lastRound"), lately), "a round of probes", 4 * MINUTES)
    figure(f"the same weights: distance {same['distance']} of {same['limit']}")
    figure(f"event: {changed}")

    assert unchanged == []
    assert same["rounds"] >= 2
    assert same["distance"] <= same["limit"]
    what = changed.partition(" on pod ")[2].partition(": ")[2]
    assert what == "canaries of model 1 → of model 2"  # and nothing else
    status = namespace.get(f"llmmonitor/{chat.NAME}")["status"]
    assert len(status["versions"]) == 2
    assert "ModelChanged" in namespace("describe", "llmmonitor", chat.NAME)


def _serve(namespace: Kubectl, image: str, *, zeroed_bytes: int) -> None:
    """SmolLM2 from a volume, with so many bytes of its weights set to zero before it starts."""
    served = {"name": "served", "mountPath": "/served"}
    copying = {
        "name": "copy",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/model/bin/python", "-c", _COPY, str(zeroed_bytes)],
        "volumeMounts": [served],
    }
    volumes = [{"name": "served", "emptyDir": {}}]
    made = chat.model(image, initContainers=[copying], volumes=volumes)
    [server] = made["spec"]["template"]["spec"]["containers"]
    server |= {
        "env": [{"name": "LLAMA_ARG_MODEL", "value": _SERVED}],
        "volumeMounts": [{**served, "readOnly": True}],
        "securityContext": {"runAsUser": 1001},
    }
    namespace.apply(made)
    namespace("rollout", "status", "deployment/chat", "--timeout=180s")


def _quality(namespace: Kubectl) -> dict[str, Any]:
    status = namespace.get(f"llmmonitor/{chat.NAME}").get("status") or {}
    return dict(status.get("quality") or {})


def _canaries(namespace: Kubectl) -> dict[str, Any]:
    return dict(_quality(namespace).get("canaries") or {})


def _is_after(said: str | None, moment: datetime) -> bool:
    """Whether a time of the status, if there is one, is later."""
    return said is not None and datetime.fromisoformat(said) > moment


def _changes(namespace: Kubectl) -> list[str]:
    """What Events say of another version of the model."""
    return [one for one in events(namespace, chat.NAME) if "version " in one and " on pod " in one]
