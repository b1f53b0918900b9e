from __future__ import annotations

from pathlib import Path

import pytest
from tests.sidecar.test_sampler_reads_cgroups_of_both_versions import PID, V1_MOUNTS, V2_MOUNT, machine

from llmmonitor_api.report.report import Disk, Pressure
from llmmonitor_sidecar.samplers import cgroups, pressure, traffic_of_pod

SOME = "some avg10=12.50 avg60=3.00 avg300=1.00 total=2500000"
FULL = "full avg10=1.00 avg60=0.50 avg300=0.00 total=1000000"
V1_MOUNT_OF_DISKS = "34 30 0:30 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"


def node(root: Path, **files: str) -> None:
    (root / "proc/pressure").mkdir(parents=True)
    for name, text in files.items():
        (root / "proc/pressure" / name).write_text(text)


def test_the_models_own_pressure_is_read_where_its_cgroup_is_there(tmp_path: Path) -> None:
    root = machine(tmp_path, V2_MOUNT, "0::/pod/model", {"pod/model/memory.pressure": f"{SOME}\n{FULL}"})
    node(root, memory="some avg10=99.00 avg60=99.00 avg300=0.00 total=1", cpu=SOME)

    got = pressure.read(cgroups.locate(PID, root), root)

    assert got == {
        "cpu": Pressure("node", some_10s=0.125, some_60s=0.03, some_seconds=2.5),
        "memory": Pressure("model", 0.125, 0.03, 0.01, 0.005, 2.5, 1.0),
    }


@pytest.mark.parametrize("text", ["", "some", "garbage", "some avg10=x", "some avg10=x full", "\n\x00"])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    node(tmp_path, memory=text)

    got = pressure.read(cgroups.Cgroup(), tmp_path)

    assert got == {}


def test_disks_of_version_2(tmp_path: Path) -> None:
    files = {"pod/model/io.stat": "8:0 rbytes=100 wbytes=7 rios=1 wios=1\n8:16 rbytes=11 wbytes=0\n7:0"}
    root = machine(tmp_path, V2_MOUNT, "0::/pod/model", files)

    assert traffic_of_pod.disk(cgroups.locate(PID, root)) == Disk(read_bytes=111, written_bytes=7)


def test_disks_of_version_1(tmp_path: Path) -> None:
    files = {
        "blkio/model/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 7\n8:0 Total 107\n"
        "8:16 Read 11\nTotal 118"
    }
    root = machine(tmp_path, V1_MOUNTS + V1_MOUNT_OF_DISKS, "9:blkio:/model\n5:memory:/model", files)

    assert traffic_of_pod.disk(cgroups.locate(PID, root)) == Disk(read_bytes=111, written_bytes=7)


def test_disks_of_another_container_are_unknown() -> None:
    assert traffic_of_pod.disk(cgroups.Cgroup()) is None


def test_the_network_is_every_interface_but_the_loopback() -> None:
    before = traffic_of_pod.network()
    names = [path.name for path in Path("/sys/class/net").iterdir() if path.name != "lo"]

    if not names:
        assert before is None
    else:
        assert before is not None
        kernel = sum(
            int(Path(f"/sys/class/net/{name}/statistics/rx_bytes").read_text(encoding="ascii"))
            for name in names
        )
        after = traffic_of_pod.network()
        assert after is not None
        assert before.received_bytes <= kernel <= after.received_bytes
