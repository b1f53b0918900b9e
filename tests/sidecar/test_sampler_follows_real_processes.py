from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from llmmonitor_sidecar.samplers.model_process import ModelHint, ModelNotVisible, find_model, is_local
from llmmonitor_sidecar.samplers.process_sampler import WALK_SECONDS, Limits, ProcessSampler

SECOND = 10**9
WALK = round(WALK_SECONDS * SECOND) + 1

MODEL = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(True)
child = os.fork()
if child == 0:
    memory = bytearray(30_000_000)
    n = 0
    while os.times().user < 0.1:
        n += 1
    print("child", os.getpid(), flush=True)
    sys.stdin.readline()
    os._exit(0)
print("port", listener.getsockname()[1], flush=True)
os.waitpid(child, 0)
print("waited", flush=True)
import signal
signal.pause()
"""


class Model:
    """A process that listens; its child shares the socket, took CPU and memory, and exits when told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        said = dict(self.read().split() for _ in range(2))
        self.port, self.child = int(said["port"]), int(said["child"])

    def read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end_child(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.read() == "waited\n"


@contextmanager
def started() -> Iterator[Model]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", MODEL, "a-model-of-pid", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        children: list[psutil.Process] = []
        try:
            model = Model(process)
            children = [psutil.Process(model.child)]
            yield model
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            psutil.wait_procs(children, timeout=10)


def nobody() -> tuple[int, ...]:
    return ()


def test_a_tree_is_found_by_its_port_and_summed_up() -> None:
    with started() as model:
        got = ProcessSampler(ModelHint(port=model.port), nobody).sample(SECOND)

    assert got.processes_visible, got.reason
    assert (got.processes, got.threads) == (2, 2)
    assert got.rss_bytes > 30_000_000
    assert got.cpu_seconds >= 0.1
    assert got.open_files is not None
    assert got.open_files >= 6
    assert got.cpu_cores_used is None, "one sample is no rate"
    assert got.memory_used_bytes


def test_where_the_models_cgroup_cannot_be_read_its_limits_are_the_pods(tmp_path: Path) -> None:
    with started() as model:
        hint, limits = ModelHint(port=model.port), Limits(memory_bytes=1 << 30, cpu_cores=1.5)

        got = ProcessSampler(hint, nobody, limits=limits, root=tmp_path).sample(0)

    assert (got.memory_limit_bytes, got.cpu_limit_cores) == (1 << 30, 1.5)
    assert got.memory_used_bytes is not None
    assert 30_000_000 <= got.memory_used_bytes <= got.rss_bytes


def test_cpu_time_stays_when_a_child_exits() -> None:
    with started() as model:
        sampler = ProcessSampler(ModelHint(pid=model.process.pid), nobody)
        before = sampler.sample(SECOND)
        model.end_child()

        at_once = sampler.sample(2 * SECOND)
        after_walk = sampler.sample(SECOND + WALK)

    assert (before.processes, at_once.processes, after_walk.processes) == (2, 1, 1)
    assert before.cpu_seconds <= at_once.cpu_seconds <= after_walk.cpu_seconds <= before.cpu_seconds + 0.1
    assert at_once.rss_bytes < before.rss_bytes - 20_000_000
    assert at_once.cpu_cores_used is not None


def test_a_model_that_ends_and_comes_back_is_followed() -> None:
    mark = f"a-model-of-pid {os.getpid()}"
    sampler = ProcessSampler(ModelHint(command_part=mark), nobody)
    with started():
        first = sampler.sample(SECOND)
    gone = sampler.sample(2 * SECOND)
    still_gone = sampler.sample(3 * SECOND)
    with started():
        again = sampler.sample(3 * SECOND + WALK)

    assert first.processes_visible
    assert (gone.processes_visible, gone.reason) == (False, "the model's processes have ended")
    assert gone.cpu_seconds == first.cpu_seconds
    assert "command line" in still_gone.reason
    assert again.processes_visible
    assert again.cpu_seconds >= first.cpu_seconds + 0.1


def test_the_sidecar_is_reported_apart_and_never_taken_for_the_model() -> None:
    with started() as model:
        sampler = ProcessSampler(ModelHint(pid=model.process.pid), lambda: (model.child, 2**22 + 1))

        got = sampler.sample(SECOND)

    assert got.processes == 1
    assert got.sidecar_rss_bytes > 30_000_000
    assert got.sidecar_cpu_seconds >= 0.1


def test_workers_that_share_the_socket_belong_to_who_started_them() -> None:
    with started() as model:
        assert find_model(ModelHint(port=model.port)).pid == model.process.pid


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (ModelHint(pid=2**22 + 1), "there is no process"),
        (ModelHint(command_part="no such model \x00"), "command line"),
        (ModelHint(port=1), "nobody listens"),
        (ModelHint(host="192.0.2.1", port=1), "no address of this machine"),
        (ModelHint(host="model.example", port=1), "no address of this machine"),
    ],
)
def test_what_cannot_be_seen_is_said(hint: ModelHint, why: str) -> None:
    with pytest.raises(ModelNotVisible, match=why):
        find_model(hint)

    got = ProcessSampler(hint, nobody).sample(SECOND)
    assert not got.processes_visible
    assert why in got.reason


def test_a_model_that_is_not_there_is_looked_for_ever_more_rarely() -> None:
    sampler = ProcessSampler(ModelHint(command_part=f"a-model-of-pid {os.getpid()}"), nobody)
    for now_ns in (0, WALK):
        assert not sampler.sample(now_ns).processes_visible

    with started():
        too_early = sampler.sample(2 * WALK)
        in_time = sampler.sample(3 * WALK)

    assert (too_early.processes_visible, in_time.processes_visible) == (False, True)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("there", False)],
)
def test_only_this_machines_processes_can_be_seen(host: str, local: bool) -> None:  # noqa: FBT001 - parametrised
    assert is_local(host) is local


def test_a_zombie_is_no_model() -> None:
    with started() as model:
        sampler = ProcessSampler(ModelHint(pid=model.process.pid), nobody)
        os.kill(model.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, model.process.pid, os.WEXITED | os.WNOWAIT)

        got = sampler.sample(SECOND)

    assert (got.processes_visible, got.reason) == (False, f"process {model.process.pid} has ended")


def in_containers(root: Path, cgroups: dict[int | str, str]) -> None:
    """What /proc says of who is in which container, as seen by a sidecar in its own."""
    for pid, cgroup in cgroups.items():
        (root / f"proc/{pid}").mkdir(parents=True)
        (root / f"proc/{pid}/cgroup").write_text(f"0::{cgroup}\n")


def test_whoever_is_in_the_models_container_counts_as_soon_as_it_comes(tmp_path: Path) -> None:
    with started() as model, started() as intruder, started() as neighbour:
        in_containers(tmp_path, {"self": "/", model.process.pid: "/../model", model.child: "/../model"})
        hint = ModelHint(pid=model.process.pid, in_pod=True)
        sampler = ProcessSampler(hint, nobody, root=tmp_path)
        before = sampler.sample(SECOND)

        in_containers(tmp_path, {intruder.child: "/../model", neighbour.child: "/../another"})
        after = sampler.sample(2 * SECOND)

    assert (before.processes, after.processes) == (2, 3)
    assert before.memory_held_bytes is not None
    assert after.memory_held_bytes is not None
    assert after.memory_held_bytes > before.memory_held_bytes + 30_000_000


def test_memory_that_grows_is_told_with_its_slope(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "held = []\n"
        "for line in sys.stdin:\n"
        "    held.append(bytearray(b'x') * 4_000_000)\n"
        "    print(len(held), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        sampler = ProcessSampler(
            ModelHint(pid=process.pid), nobody, limits=Limits(memory_bytes=1 << 30), root=tmp_path
        )
        for second in range(10):
            process.stdin.write("more\n")
            process.stdin.flush()
            process.stdout.readline()
            got = sampler.sample(second * SECOND)
        process.kill()

    (trend,) = got.memory_trends
    assert trend.bytes_per_second == pytest.approx(4_000_000, rel=0.1)
