from __future__ import annotations

from datetime import UTC, datetime

from tests.operator.reconcile.operator_world import World

from llmmonitor_api.report.report import Resources


async def test_a_pass_asks_metrics_server_where_the_sidecar_sees_nothing(world: World) -> None:
    world.server.put(
        "/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods",
        {
            "metadata": {"name": "chat-a", "namespace": "prod"},
            "timestamp": datetime.now(UTC).isoformat(),
            "containers": [{"name": "vllm", "usage": {"cpu": "1", "memory": "3Gi"}}],
        },
    )
    async with world.attached() as sidecar:
        sidecar.resources = Resources(processes_visible=False, reason="another PID namespace")
        first = await world.passed()
        second = await world.passed()

    assert first["ResourcesHealthy"]["reason"] == "ProcessesNotVisible"
    assert second["ResourcesHealthy"]["status"] == "True"
    assert "memory 3 GiB" in second["ResourcesHealthy"]["message"]
    assert "by metrics-server" in second["ResourcesHealthy"]["message"]
