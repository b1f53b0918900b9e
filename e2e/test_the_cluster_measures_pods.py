"""metrics.k8s.io answers, so that autoscaling by CPU can be tried at all."""

from __future__ import annotations

import os

import pytest
from e2e.cluster.images import TOOLS_IMAGE
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import until


def test_kubectl_top_shows_what_a_busy_pod_uses(namespace: Kubectl) -> None:
    if os.environ.get("E2E_KUBECONFIG"):
        pytest.skip("whether E2E_KUBECONFIG's cluster has metrics-server is its owner's business")
    busy = {
        "name": "main",
        "image": TOOLS_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", "while :; do :; done"],
        "resources": {"limits": {"cpu": "200m"}},
    }
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "busy"},
            "spec": {"containers": [busy], "terminationGracePeriodSeconds": 0},
        }
    )

    def millicores() -> int:
        try:
            [line] = namespace("top", "pod", "busy", "--no-headers").splitlines()
        except Refused:  # nothing was measured yet
            return 0
        return int(line.split()[1].removesuffix("m"))

    assert until(millicores, "a figure of the busy pod", seconds=120) >= 50
