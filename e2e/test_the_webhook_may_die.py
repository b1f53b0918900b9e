"""Pods start whatever becomes of the webhook, and those it missed get their sidecar from the operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from e2e import breaking, chat, small_models
from e2e.cluster.images import TOOLS_IMAGE
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, until

NAME = "missed"
MINUTES = 60.0
TIMEOUT_SECONDS = 2.0
"""The chart's, for one call."""
OVERHEAD_SECONDS = 10.0
"""For starting kubectl on a machine that has little time for it."""


@pytest.fixture
def model(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored model whose one pod the webhook injected."""
    with small_models.injected_by_the_webhook(proved, NAME, sidecar_image):
        yield proved


def test_pods_created_while_both_replicas_are_dead_are_attached_to(
    product: Installed, model: Kubectl, figure: Callable[[str], None]
) -> None:
    [before] = chat.pods(model, NAME)
    replicas = _webhook(product)
    assert len(replicas) == 2
    for pod in replicas:
        breaking.kill(product.kubectl, pod)
    model("scale", f"deployment/{NAME}", "--replicas=3")
    model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    ready = time.monotonic()

    found = condition(model, NAME, 3 * MINUTES, Injected="True", Reporting="True")
    attached_after = time.monotonic() - ready

    new = [pod for pod in chat.pods(model, NAME) if pod["metadata"]["uid"] != before["metadata"]["uid"]]
    figure(f"attached and reporting {attached_after:.1f} s after the pods that the webhook missed were ready")
    assert [small_models.injected(pod) for pod in new] == [False, False]
    assert all(small_models.attached(pod) for pod in new)
    assert "2 attached" in found["Injected"]["message"]
    assert any("WebhookMissed" in said for said in events(model, NAME))

    product.kubectl("rollout", "status", "deployment/llm-monitor-webhook", "--timeout=180s")
    model("scale", f"deployment/{NAME}", "--replicas=4")
    latest = until(lambda: chat.pods(model, NAME)[3:], "the fourth pod", 1 * MINUTES)[0]
    assert small_models.injected(latest)


def test_pods_created_while_there_is_no_replica_are_attached_to(product: Installed, model: Kubectl) -> None:
    product.kubectl("scale", "deployment/llm-monitor-webhook", "--replicas=0")
    try:
        selector = "--selector=app.kubernetes.io/component=webhook"  # one that is leaving still answers
        until(
            lambda: not product.kubectl.get("pods", selector)["items"], "the webhook to be gone", 2 * MINUTES
        )
        model("scale", f"deployment/{NAME}", "--replicas=2")
        model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
        condition(model, NAME, 3 * MINUTES, Injected="True", Reporting="True")
    finally:
        product.kubectl("scale", "deployment/llm-monitor-webhook", "--replicas=2")
        product.kubectl("rollout", "status", "deployment/llm-monitor-webhook", "--timeout=180s")

    [old, new] = chat.pods(model, NAME)
    assert small_models.injected(old)
    assert not small_models.injected(new)
    assert small_models.attached(new)
    assert any("WebhookMissed" in said for said in events(model, NAME))


def test_a_webhook_that_hangs_holds_a_pod_up_no_longer_than_its_timeout(
    product: Installed, proved: Kubectl, figure: Callable[[str], None]
) -> None:
    replicas = _webhook(product)
    assert len(replicas) == 2
    with breaking.halted(replicas):
        began = time.monotonic()
        image = (f"--image={TOOLS_IMAGE}", "--image-pull-policy=IfNotPresent")
        proved("run", "hasty", *image, "--command", "--", "/bin/sleep", "600")
        took = time.monotonic() - began

    figure(f"a pod was created in {took:.1f} s beside a webhook that hangs")
    assert TIMEOUT_SECONDS <= took <= 2 * TIMEOUT_SECONDS + OVERHEAD_SECONDS
    proved("wait", "--for=condition=Ready", "pod/hasty", "--timeout=120s")
    proved("delete", "pod/hasty", "--wait=false")
    product.kubectl("rollout", "status", "deployment/llm-monitor-webhook", "--timeout=180s")


def _webhook(product: Installed) -> list[dict[str, object]]:
    found = product.kubectl.get("pods", "--selector=app.kubernetes.io/component=webhook")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
