"""What the operator keeps in its own namespace is mended when it is broken, and goes when nobody needs it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from e2e import chat, small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import until

NAME = "looked-after"
MINUTES = 60.0
CERTIFICATE = "secret/llm-monitor-webhook-tls"
BROKEN = base64.b64encode(b"no certificate\n").decode()
OLD = "llm-monitor-checkpoint-of-a-monitor-long-gone"


@pytest.fixture
def model(proved: Kubectl, sidecar_image: str) -> Iterator[Kubectl]:
    """A monitored model that the webhook injects."""
    small_models.monitored(proved, NAME, small_models.server(sidecar_image))
    proved("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
    yield proved
    small_models.remove(proved, NAME)


def test_a_certificate_that_is_broken_is_made_anew_and_no_pod_is_missed(
    product: Installed, model: Kubectl
) -> None:
    change = json.dumps({"data": {"tls.crt": BROKEN}})
    product.kubectl("patch", CERTIFICATE, "--type=merge", f"--patch={change}")

    until(lambda: _certificate(product) is not None, "a new certificate", 2 * MINUTES)
    model("scale", f"deployment/{NAME}", "--replicas=2")
    model("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    made = _certificate(product)
    assert made is not None
    assert made.not_valid_before_utc <= datetime.now(UTC) < made.not_valid_after_utc
    assert all(small_models.injected(pod) for pod in chat.pods(model, NAME))


def _certificate(product: Installed) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(
            base64.b64decode(product.kubectl.get(CERTIFICATE)["data"]["tls.crt"])
        )
    except ValueError:
        return None


def test_a_checkpoint_goes_a_week_after_its_monitor(product: Installed) -> None:
    since = (datetime.now(UTC) - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {
        "name": OLD,
        "labels": {"llmmonitor.io/checkpoint": "hot", "llmmonitor.io/kept": "llm-monitor"},
        "annotations": {"llmmonitor.io/monitor-gone-since": since},
    }
    product.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    product.kubectl("rollout", "restart", "deployment/llm-monitor-operator")  # the next leader looks at once
    product.kubectl("rollout", "status", "deployment/llm-monitor-operator", "--timeout=180s")

    until(
        lambda: not product.kubectl("get", f"configmap/{OLD}", "--ignore-not-found"),
        "the checkpoint of a monitor that is gone to go",
        2 * MINUTES,
    )


def test_a_checkpoint_is_written_again_by_each_operator_that_ends(
    product: Installed, proved: Kubectl, sidecar_image: str
) -> None:
    [pod] = chat.pods(proved, "first")
    uid = proved.get("llmmonitor/first")["metadata"]["uid"]
    written = [""]

    def newer() -> str | None:
        checkpoint = f"configmap/llm-monitor-checkpoint-{uid}"
        version = "--output=jsonpath={.metadata.resourceVersion}"
        found = product.kubectl("get", checkpoint, "--ignore-not-found", version)
        return None if found == written[-1] else found

    for number in range(2):
        asking = f"asked-before-end-{number}"
        proved.apply(small_models.client(asking, sidecar_image, pod["status"]["podIP"], seconds=5))
        small_models.seen(proved, asking)
        time.sleep(12)  # two reports: what was asked is with the operator

        product.kubectl("rollout", "restart", "deployment/llm-monitor-operator")
        product.kubectl("rollout", "status", "deployment/llm-monitor-operator", "--timeout=180s")

        written.append(until(newer, "the checkpoint to be written", MINUTES))
