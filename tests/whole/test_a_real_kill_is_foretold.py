"""A process under a real memory limit, from its first sample to the kernel's kill, in real time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.operator.conftest import Watch, monitor_with

from llmmonitor_api.report.report import InterceptionState
from llmmonitor_sidecar.samplers.model_process import ModelHint
from llmmonitor_sidecar.samplers.process_sampler import Limits, ProcessSampler

pytestmark = pytest.mark.long

MIB = 1 << 20
LIMIT = 160 * MIB
HOG = """
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
print("up", flush=True)
held = []
while True:
    held.append(bytearray(b"x") * (2 << 20))
    time.sleep(0.25)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup (version 1) that holds no more than LIMIT."""
    group = Path(f"/sys/fs/cgroup/memory/llm-monitor-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT))
    except OSError as refused:
        pytest.skip(f"!!! NOT TESTED: a real kill for want of memory: {refused}")
    try:
        yield group
    finally:
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)  # a process that has just ended is still in it


@pytest.mark.parametrize("own_cgroup", [True, False])
def test_seconds_before_it_and_nearly_to_the_second(
    group: Path,
    tmp_path: Path,
    own_cgroup: bool,  # noqa: FBT001 - parametrised
) -> None:
    """With the cgroup's own figures, and from outside of it with the pod's limit."""
    watch = Watch(monitor_with())
    replica = watch.replica()
    replica.interception = InterceptionState("listen", reading=True, model_listening=True)
    said: list[tuple[float, str]] = []
    with subprocess.Popen(
        [sys.executable, "-S", "-c", HOG, str(group / "cgroup.procs")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        sampler = ProcessSampler(
            ModelHint(pid=process.pid),
            lambda: (),
            limits=Limits(memory_bytes=LIMIT),
            root=Path("/") if own_cgroup else tmp_path,
        )
        while process.poll() is None:
            now = time.monotonic()
            replica.resources = sampler.sample(round(now * 1e9))
            one = next(
                one for one in watch.gather([replica], 1.0).conditions if one.type == "ResourcesHealthy"
            )
            if one.reason == "MemoryNearLimit":
                said.append((now, one.message))
            time.sleep(1)  # the sampler's interval
        killed = time.monotonic()

    assert "oom_kill 1" in (group / "memory.oom_control").read_text()
    at, message = said[0]
    assert "reaches the limit in" in message
    seconds = float(message.partition("reaches the limit in ")[2].split()[0])
    assert killed - at > 4
    assert killed - at == pytest.approx(seconds, abs=4)
