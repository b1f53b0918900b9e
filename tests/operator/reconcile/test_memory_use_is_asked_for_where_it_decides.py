from __future__ import annotations

from tests.operator.kube_server import KubeServer
from tests.operator.model_pods import running_pod

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.watch.memory_use import measured, sum_of

PATH = "/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods"


async def test_all_containers_count(server: KubeServer, kube: Kube) -> None:
    containers = [
        {"name": "vllm", "usage": {"memory": "512Mi"}},
        {"name": "proxy", "usage": {"memory": "1Ki"}},
    ]
    server.put(PATH, {"metadata": {"name": "chat-a"}, "containers": containers})

    assert await measured(kube, running_pod()) == 512 * 2**20 + 1024


async def test_without_metrics_server_it_is_not_known(kube: Kube) -> None:
    assert await measured(kube, running_pod()) is None


def test_a_pod_of_which_nothing_was_measured_yet_is_not_known() -> None:
    assert sum_of({"containers": [{"name": "vllm", "usage": {}}]}) is None
    assert sum_of({}) is None
