"""Reports carry the pod's UID: what answers at a pod's address and is not that pod is not counted as it.

The API server's word on a pod's address may be older than the address: here the kubelet that would put it
right is gone, and the address is that of another monitor's pod.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2e import chat, small_models
from e2e.cluster import faults
from e2e.cluster.layout import Layout, Node
from e2e.faults.watched import MINUTES, Watched, settled, watched
from e2e.kubectl import Kubectl

SECOND = Node(2)
STRANGER = "stranger"


@pytest.mark.timeout(900)
def test_a_strangers_report_is_refused(
    cluster_of_ours: Layout, proved: Kubectl, sidecar_image: str, model: Watched
) -> None:
    clients = model.ask(seconds=150)
    settled(model)
    with watched(proved, STRANGER, sidecar_image, replicas=1) as other:
        [stranger] = other.pods()
        [mine] = [pod for pod in model.pods() if pod["spec"]["nodeName"] == SECOND.name]
        before = other.requests()

        with faults.without(cluster_of_ours, faults.KUBELET, SECOND):
            _say_address(proved, mine, stranger["status"]["podIP"])
            found = model.becomes(2 * MINUTES, Reporting="Unreachable")
            _say_address(proved, mine, mine["status"]["podIP"])
            model.becomes(2 * MINUTES, Reporting="True")

        assert mine["metadata"]["name"] in found["Reporting"]["message"]
        assert mine["metadata"]["uid"] in found["Reporting"]["message"]
        assert other.requests() == before
    model.nothing_lost(clients)
    assert all(small_models.ready(pod) for pod in chat.pods(proved, model.name))


def _say_address(namespace: Kubectl, pod: dict[str, Any], address: str) -> None:
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace.namespace}/pods/{name}/status"
    current = namespace.get(f"pod/{name}")
    current["status"] |= {"podIP": address, "podIPs": [{"ip": address}]}
    namespace("replace", f"--raw={path}", "--filename=-", document=current)
