"""What pods have and use now is shown by monitor: added up, or of the pod that is worst off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.operator.conftest import ROOMY, Replica, Watch
from tests.operator.reported_gpus import WELL, but, seen

from llmmonitor_api.report.gpus import GPU, XID
from llmmonitor_api.report.report import Engine, Live, MemoryTrend, Pressure, Saturation
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

GIB = 1 << 30
CHAT = ("prod", "chat")
QUIET = Saturation(31, 30.0, 0, 0, 0.0, 0.0, 0.0)
GROWING = Saturation(31, 30.0, 12, 4, 8.0, 5.2, 10.8, running_most=8)
FILLING = MemoryTrend(GIB // 100, GIB // 125, GIB // 80, samples=120, span_seconds=120.0)
Show = Callable[..., Mapping[tuple[str, ...], float]]


@pytest.fixture
def show(watch: Callable[..., Watch]) -> Show:
    """What Prometheus reads once these have reported, by name and values of labels beside the monitor's."""

    def shown(*change: Callable[[Replica], None], **spec: object) -> Mapping[tuple[str, ...], float]:
        one = watch(**spec)
        replicas = [one.replica(number) for number in range(len(change))]
        for replica, changed in zip(replicas, change, strict=True):
            changed(replica)
        metrics = OperatorMetrics()
        metrics.begin(CHAT)
        metrics.judged(CHAT, one.gather(replicas), one.now, one.news)
        families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
        return {
            (sample.name.removeprefix("llm_monitor_"), *sorted(values(sample.labels))): sample.value
            for family in families
            for sample in family.samples
            if sample.labels.get("monitor") == "chat"
        }

    def values(labels: Mapping[str, str]) -> list[str]:
        return [value for name, value in labels.items() if name not in {"namespace", "monitor"}]

    return shown


def of(found: Mapping[tuple[str, ...], float], *names: str) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in found.items() if key[0] in names}


def nothing(replica: Replica) -> None:
    replica.resources = None


def test_queues_are_added_up_and_the_fullest_cache_is_shown(show: Show) -> None:
    def busy(replica: Replica) -> None:
        replica.engine = Engine("VLLM", running=8, waiting=12, kv_cache_use=0.9)
        replica.live = Live(saturation=GROWING)

    def calm(replica: Replica) -> None:
        replica.engine = Engine("VLLM", running=2, waiting=0, kv_cache_use=0.1)
        replica.live = Live(saturation=QUIET)

    def silent(replica: Replica) -> None:
        replica.engine = Engine("VLLM", running=50, waiting=50, kv_cache_use=1.0, error="refused")

    found = show(busy, calm, silent)

    engine = {key[0]: value for key, value in found.items() if key[0].startswith("engine_requests_")}
    assert (engine["engine_requests_running"], engine["engine_requests_waiting"]) == (10, 12)
    assert found["engine_kv_cache_used_ratio",] == 0.9
    assert of(found, "queue_pods") == {("queue_pods", "true"): 1, ("queue_pods", "false"): 1}


def test_memory_is_of_the_pod_nearest_to_its_limit_and_not_of_the_largest(show: Show) -> None:
    def large(replica: Replica) -> None:
        replica.resources = msgspec.structs.replace(
            ROOMY, memory_used_bytes=20 * GIB, memory_limit_bytes=100 * GIB
        )

    def small(replica: Replica) -> None:
        replica.resources = msgspec.structs.replace(
            ROOMY, memory_used_bytes=3 * GIB, memory_limit_bytes=4 * GIB
        )

    found = show(large, small)

    assert found["model_memory_used_bytes",] == 3 * GIB
    assert found["model_memory_limit_bytes",] == 4 * GIB
    assert not of(found, "model_memory_limit_reached_timestamp_seconds")


def test_when_memory_will_be_full_is_shown_with_its_interval(show: Show) -> None:
    def fills(replica: Replica) -> None:
        replica.interception = msgspec.structs.replace(replica.interception, model_listening=True)
        replica.resources = msgspec.structs.replace(
            ROOMY,
            sampled_age_seconds=5.0,
            memory_used_bytes=3 * GIB,
            memory_held_bytes=3 * GIB,
            memory_trends=(FILLING,),
        )

    found = show(fills)

    name, made_at = (
        "model_memory_limit_reached_timestamp_seconds",
        found["last_evaluation_timestamp_seconds",],
    )
    left = {bound: at - made_at for (_, bound), at in of(found, name).items()}
    assert left == pytest.approx({"expected": 95.0, "low": 75.0, "high": 120.0}, abs=0.01)


def test_waiting_for_a_resource_is_of_the_pod_that_waits_most_and_of_known_resources(show: Show) -> None:
    def waits(some: float, full: float, **others: Pressure) -> Callable[[Replica], None]:
        def changed(replica: Replica) -> None:
            pressure = {"cpu": Pressure("model", some_60s=some, full_60s=full), **others}
            replica.resources = msgspec.structs.replace(
                ROOMY, pressure=pressure, cpu_cores_used=1.5, cpu_throttled_share=some
            )

        return changed

    found = show(waits(0.5, 0.1), waits(0.2, 0.15, whatever=Pressure("model", some_60s=1.0)), nothing)

    assert of(found, "pressure_ratio") == {
        ("pressure_ratio", "cpu", "model", "some"): 0.5,
        ("pressure_ratio", "cpu", "full", "model"): 0.15,
    }
    assert found["model_cpu_cores_used",] == 3.0
    assert found["model_cpu_throttled_ratio",] == 0.5


def test_gpus_are_added_up(show: Show) -> None:
    def with_gpus(*devices: GPU) -> Callable[[Replica], None]:
        def changed(replica: Replica) -> None:
            replica.gpus = seen(*devices)

        return changed

    failing = but(uuid="GPU-1", utilisation=1.0, xids=(XID(79, "hardware", 2, 9.0),))
    lost = GPU("GPU-2", ours=True, lost=True, problem="it has fallen off the bus")

    found = show(with_gpus(WELL), with_gpus(failing, lost))

    assert (found["gpus", "measured"], found["gpus", "lost"]) == (2, 1)
    assert found["gpus_utilisation_ratio",] == 0.75
    assert found["gpus_memory_used_bytes",] == 140 * GIB
    assert found["gpus_power_watts",] == 800
    assert found["gpus_xids",] == 2


def test_what_no_pod_gives_is_absent(show: Show) -> None:
    found = show(nothing)

    names = {key[0] for key in found}
    of_pods = ("gpus_m", "model_", "pressure", "queue", "engine_kv")
    assert not [one for one in names - {"model_changes_total"} if one.startswith(of_pods)]
    assert "pods" in names


def test_the_reason_of_each_condition_is_shown_and_no_other(show: Show) -> None:
    def hungry(replica: Replica) -> None:
        replica.resources = msgspec.structs.replace(ROOMY, memory_used_bytes=4 * GIB)

    found = show(hungry)

    shown = [key for key in of(found, "condition_reason") if "ResourcesHealthy" in key]
    assert shown == [("condition_reason", "False", "MemoryNearLimit", "ResourcesHealthy")]
