from __future__ import annotations

from tests.operator.kube_server import KubeServer

from llmmonitor_operator.evaluate.transitions import WARNING, Transition
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.process_settings import OperatorSettings
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.publish.allowance import BURST, REFILL_SECONDS, Allowance
from llmmonitor_operator.reconcile.readiness import Readiness
from llmmonitor_operator.reconcile.run import Leader
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView

NOW = 1_800_000_000.0


def allowed(allowance: Allowance, uid: str, now: float, times: int = 100) -> int:
    return sum(allowance.takes(uid, now) for _ in range(times))


def test_a_monitor_may_say_much_at_once_and_then_something_now_and_then() -> None:
    allowance = Allowance()

    assert allowed(allowance, "chat", NOW) == BURST
    assert allowed(allowance, "chat", NOW + REFILL_SECONDS - 1) == 0
    assert allowed(allowance, "chat", NOW + REFILL_SECONDS) == 1
    assert allowed(allowance, "chat", NOW + 4 * REFILL_SECONDS) == 3
    assert allowed(allowance, "chat", NOW + 3600 * 24) == BURST


def test_one_monitor_takes_nothing_from_another() -> None:
    allowance = Allowance()
    allowed(allowance, "flaps", NOW)

    assert allowed(allowance, "chat", NOW) == BURST


def test_a_clock_that_was_put_back_gives_nothing_and_takes_nothing() -> None:
    allowance = Allowance()
    allowed(allowance, "chat", NOW, times=10)

    assert allowed(allowance, "chat", NOW - 3600) == BURST - 10
    assert allowed(allowance, "chat", NOW - 3600 + REFILL_SECONDS) == 1


async def test_what_is_dropped_is_counted(server: KubeServer, kube: Kube) -> None:
    settings = OperatorSettings(namespace="llm-monitor", sidecar=SidecarImage(image="sidecar"))
    metrics = OperatorMetrics()
    leader = Leader(settings, kube, metrics, Readiness())
    view = ClusterView(kube, (), lambda _namespace: None)
    raw = {"metadata": {"name": "chat", "namespace": "prod", "uid": "u"}}

    for number in range(BURST + 5):
        flap = Transition(WARNING, "BurnRateHigh", f"Healthy True → False: {number}")
        await leader.emit(view, raw, flap, NOW)

    def counted(result: str) -> float | None:
        return metrics.registry.get_sample_value("llm_monitor_operator_events_total", {"result": result})

    assert len([line for line in server.writes() if paths.events("prod") in line]) == BURST
    assert (counted("ok"), counted("dropped")) == (BURST, 5)
