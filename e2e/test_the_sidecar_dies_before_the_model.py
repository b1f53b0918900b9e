"""A sidecar whose memory grows without end: it is the sidecar that dies, not the model, however fast it is.

It is the sidecar's own program with a leak put in from outside; nothing in the product knows of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

SLOW = pytest.mark.timeout(400)
LEAKING = """
import sys, threading, time
from llmmonitor_sidecar import main
from llmmonitor_sidecar.analyser import process
pieces, pause = int(sys.argv[1]), float(sys.argv[2])
analyse = process.run_analyser
def leak():
    kept = []
    while True:
        kept.append(b"x" * pieces)
        time.sleep(pause)
def leaking(*given):
    threading.Thread(target=leak, daemon=True).start()
    analyse(*given)
process.run_analyser = leaking
sys.exit(main.main())
"""
MIB = 1 << 20
LIMIT = {"limits": {"memory": "512Mi"}}


@pytest.fixture
def model(namespace: Kubectl, sidecar_image: str) -> Kubectl:
    """A model with 512 MiB, which an attached sidecar shares."""
    namespace.apply(model_pods.pod("model", model_pods.model(sidecar_image, resources=LIMIT)))
    namespace("wait", "--for=condition=Ready", "pod/model", "--timeout=90s")
    return namespace


@SLOW
def test_one_that_grows_is_ended_at_its_cap_again_and_again_and_reads_on(
    model: Kubectl, sidecar_image: str
) -> None:
    _attach(model, sidecar_image, pieces=4 * MIB, pause=0.1)

    until(lambda: _log(model).count("analyser killed: the sidecar takes") >= 2, "two ends at the cap", 180)

    assert model_pods.ask(model, "model", "/", model_pods.PORT) == "hello"
    assert "running" in _state(model, "ephemeralContainerStatuses")
    _is_unharmed(model)


@SLOW
def test_one_that_grows_faster_than_anybody_looks_is_the_kernels_choice(
    model: Kubectl, sidecar_image: str
) -> None:
    _attach(model, sidecar_image, pieces=64 * MIB, pause=0.0)

    until(lambda: _was_killed(model), "the kernel to end the sidecar, or its analyser", 180)

    assert model_pods.ask(model, "model", "/", model_pods.PORT) == "hello"
    _is_unharmed(model)


def _attach(namespace: Kubectl, image: str, *, pieces: int, pause: float) -> None:
    command = [model_pods.PYTHON, "-c", LEAKING, str(pieces), str(pause)]
    model_pods.attach(namespace, "model", image, command=command, MEMORY_CAP_BYTES=str(160 * MIB))


def _log(namespace: Kubectl) -> str:
    state = _state(namespace, "ephemeralContainerStatuses")
    return namespace("logs", "model", "--container=llm-monitor-1") if "waiting" not in state else ""


def _was_killed(namespace: Kubectl) -> bool:
    """Its whole container where the kernel ends containers as a whole, else the process that grew."""
    state = _state(namespace, "ephemeralContainerStatuses")
    return "terminated" in state or "analyser ended" in _log(namespace)


def _state(namespace: Kubectl, kind: str) -> dict[str, Any]:
    statuses = namespace.get("pod/model")["status"].get(kind) or [{}]
    found: dict[str, Any] = statuses[0].get("state") or {"waiting": {}}
    return found


def _is_unharmed(namespace: Kubectl) -> None:
    [status] = namespace.get("pod/model")["status"]["containerStatuses"]
    assert status["restartCount"] == 0
    assert status["ready"]
    assert not status["lastState"]
