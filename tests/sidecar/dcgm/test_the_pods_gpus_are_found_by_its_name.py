from __future__ import annotations

import pytest
from tests.sidecar.dcgm.expositions import CHAT, CUDA, MIG, OTHER, RECORDED, WELL, gpu

from llmmonitor_api.report.gpus import BY_LABELS, BY_NUMBER, GPUs
from llmmonitor_sidecar.engines.samples import UnreadableExposition
from llmmonitor_sidecar.samplers.dcgm import exposition
from llmmonitor_sidecar.samplers.dcgm.exposition import Holder
from llmmonitor_sidecar.samplers.dcgm.figures import DCGMFigures
from llmmonitor_sidecar.samplers.dcgm.whose import Asking, NotTold

MIB = 1 << 20


def of(text: str, pod: Holder = CHAT, requested: int = 1, *, on_the_node: bool = False) -> GPUs:
    return DCGMFigures(Asking(pod, requested, on_the_node)).take(exposition.read(text), 0)


def test_what_a_gpu_operators_exporter_says_becomes_the_same_figures_as_the_drivers() -> None:
    found = of(RECORDED, CUDA)

    [gpu] = found.devices
    assert (found.visible, found.source, found.driver, found.told_by) == (
        True,
        "DCGM",
        "580.95.05",
        BY_LABELS,
    )
    assert (gpu.uuid, gpu.index, gpu.ours) == ("GPU-a8394b51-c086-568a-9f1a-c1e1c934c44c", 0, True)
    assert (gpu.name, gpu.problem) == ("NVIDIA RTX 4000 Ada Generation", "")
    assert (gpu.utilisation, gpu.power_watts, gpu.temperature_celsius) == (0.0, 40.979, 48.0)
    assert (gpu.memory_used_bytes, gpu.memory_total_bytes) == (MIB, 20_473 * MIB)
    assert (gpu.energy_joules, gpu.energy_integrated) == (0.0, False)
    assert (gpu.xids, gpu.xids_seen, gpu.repair_failed, gpu.repair_pending) == ((), True, False, None)
    assert (gpu.partitioned, gpu.instances, gpu.slowdowns, gpu.ecc_uncorrected) == (False, (), None, None)


def test_other_pods_gpus_are_not_reported() -> None:
    text = gpu(0, OTHER) + gpu(1, CHAT) + gpu(2, None) + gpu(3, CHAT) + gpu(4)

    found = of(text, requested=2)

    assert [one.uuid for one in found.devices] == ["GPU-1", "GPU-3"]


@pytest.mark.parametrize(
    "labels",
    [
        {"pod_name": "chat-0", "pod_namespace": "prod", "container_name": "server"},
        {"pod": "dcgm-x", "namespace": "gpu", "exported_pod": "chat-0", "exported_namespace": "prod"},
    ],
    ids=["in the old style", "through a Prometheus"],
)
def test_the_pod_is_known_by_its_other_labels_too(labels: dict[str, str]) -> None:
    found = of(gpu(0) + gpu(1, labels=labels))

    assert [one.uuid for one in found.devices] == ["GPU-1"]


def test_labels_in_small_letters_are_read_too() -> None:
    text = gpu(1, CHAT).replace("UUID=", "uuid=").replace("Hostname=", "hostname=")

    assert [one.uuid for one in of(text).devices] == ["GPU-1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            gpu(0, OTHER) + gpu(1, OTHER) + gpu(2, None),
            "of the 3 that it has at gpu-node-3, 2 belong to other pods",
        ),
        (gpu(0, Holder("dev", "chat-0")), "1 belong to other pods and none to this one"),
        (gpu(0, Holder("prod", "chat-0", "0ld")), "1 belong to other pods and none to this one"),
        (gpu(0) + gpu(1), "it has 2 at gpu-node-3, 1 requested, and does not say which pod has which"),
        (gpu(0), "it has 1 at gpu-node-3, 1 requested, and does not say which pod has which"),  # any node's
    ],
    ids=[
        "others' alone",
        "another namespace's",
        "its predecessor's",
        "no pods told",
        "no pods told by a Service",
    ],
)
def test_nothing_is_guessed_and_the_reason_is_said(text: str, words: str) -> None:
    with pytest.raises(NotTold, match=words):
        of(text)


def test_the_nodes_own_exporter_that_names_no_pods_is_believed_where_the_pod_requests_all_it_has() -> None:
    two = gpu(0) + gpu(1)

    found = of(two, requested=2, on_the_node=True)

    assert ([one.uuid for one in found.devices], found.told_by) == (["GPU-0", "GPU-1"], BY_NUMBER)
    with pytest.raises(NotTold):
        of(two, requested=1, on_the_node=True)


def test_a_pod_has_the_parts_of_a_gpu_that_carry_its_name() -> None:
    whole = gpu(0, figures={"DCGM_FI_DEV_GPU_TEMP": 50.0, "DCGM_FI_DEV_POWER_USAGE": 200.0})
    parts = gpu(0, CHAT, part=("3", "2g.20gb")) + gpu(0, OTHER, part=("5", "2g.20gb"))

    found = of(whole + parts)

    [one] = found.devices
    assert (one.partitioned, one.utilisation, one.memory_total_bytes) == (True, None, None)
    assert (one.temperature_celsius, one.power_watts) == (50.0, 200.0)
    [part] = one.instances
    assert (part.uuid, part.ours, part.utilisation) == ("instance 3 (2g.20gb)", True, 0.25)
    assert (part.memory_used_bytes, part.memory_total_bytes) == (4384 * MIB, 19_384 * MIB)


def test_without_profiling_fields_the_use_of_a_part_is_unknown_and_that_is_said() -> None:
    plain = {field: figure for field, figure in MIG.items() if "PROF" not in field}

    [one] = of(gpu(0, CHAT, part=("3", "2g.20gb"), figures=plain)).devices

    assert one.instances[0].utilisation is None
    assert one.problem == "not exported: utilisation, power, energy, temperature"


def test_parts_and_not_their_gpus_are_counted_where_no_pods_are_named() -> None:
    text = gpu(0) + gpu(0, part=("3", "2g.20gb")) + gpu(0, part=("5", "2g.20gb"))

    assert len(of(text, requested=2, on_the_node=True).devices[0].instances) == 2
    with pytest.raises(NotTold):
        of(text, requested=1, on_the_node=True)


def test_of_a_shared_gpu_it_is_said_whose_the_figures_are_and_no_energy_is_counted() -> None:
    figures = DCGMFigures(Asking(CHAT, 1, on_the_node=False))
    for now_ns, energy in ((0, 5e9), (15 * 10**9, 5.5e9)):
        text = gpu(0, CHAT, OTHER, figures=WELL | {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": energy})
        [one] = figures.take(exposition.read(text), now_ns).devices

    assert one.problem == "shared, with 1 other pods at most: the figures are of all of them together"
    assert (one.energy_joules, figures.energy_millijoules) == (5e5, 0)


@pytest.mark.parametrize(
    "blank", [9223372036854775794, 9223372036854775792, 2147483632, 2147483634, 140737488355328, float("nan")]
)
def test_blanks_are_no_figures(blank: float) -> None:
    [one] = of(
        gpu(0, CHAT, figures=WELL | {"DCGM_FI_DEV_GPU_TEMP": blank, "DCGM_FI_DEV_FB_USED": blank})
    ).devices

    assert (one.temperature_celsius, one.memory_used_bytes, one.memory_total_bytes) == (None, None, None)
    assert one.problem == "not exported: memory, temperature"


def test_figures_beyond_what_a_report_takes_are_left_out() -> None:
    absurd = dict.fromkeys(WELL, 1e15) | {"DCGM_FI_DEV_CLOCKS_EVENT_REASONS": 1e15}

    [one] = of(gpu(0, CHAT, figures=absurd)).devices

    assert (one.power_watts, one.temperature_celsius, one.memory_used_bytes) == (None, None, None)
    assert (one.utilisation, one.index) == (1.0, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no DCGM_FI_"),
        ("<html>404</html>", "it has no DCGM_FI_"),
        ('go_goroutines 7\nDCGM_FI_DEV_SM_CLOCK{gpu="0"} 1\n', "it has no DCGM_FI_"),
        ('DCGM_FI_DEV_GPU_TEMP{gpu="0" 3', "cannot parse"),
        ("DCGM_FI_DEV_GPU_TEMP " + "x" * 5_000, "a line of 50"),
        ("".join(gpu(n, OTHER) for n in range(600)), "the limit is 5000"),
    ],
    ids=["nothing", "HTML", "nothing that is read", "garbage", "a long line", "too many lines"],
)
def test_what_is_no_exposition_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnreadableExposition, match=words):
        exposition.read(text)
