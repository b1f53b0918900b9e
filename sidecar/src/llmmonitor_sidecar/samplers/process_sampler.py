"""Samples the model's process tree, its cgroup and the sidecar itself into `report.Resources`.

Looking for the model, walking its tree and counting open files cost most and are done every 10 s, in a pod,
where there are few processes, also when they have changed; CPU time, memory and cgroup files at every call.
All of it is bounded: PROCESSES_LIMIT processes, files of a few KB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from llmmonitor_api.report.report import Resources
from llmmonitor_sidecar.samplers import cgroups, containers, pressure, process_tree, traffic_of_pod
from llmmonitor_sidecar.samplers.cpu_account import CpuAccount
from llmmonitor_sidecar.samplers.cpu_limit import CpuLimit
from llmmonitor_sidecar.samplers.memory_trend import MemoryGrowth
from llmmonitor_sidecar.samplers.model_process import ModelHint, ModelNotVisible, find_model
from llmmonitor_sidecar.samplers.rates import LastMinute
from llmmonitor_sidecar.samplers.weight_files import WeightFiles

WALK_SECONDS = 10.0
FEW_PROCESSES = 256
"""With more, as where a pod shares its node's PID namespace, they change at every look."""
SEARCHES_SLOWED_TO = 6
"""A model that is not found is looked for less and less often, up to so many walks apart."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the model's container, as the pod has them: for where its cgroup cannot be read from ours."""

    memory_bytes: int | None = None
    cpu_cores: float | None = None


class ProcessSampler:
    """The model's resources, `sample` by `sample`.

    `sidecar_pids` gives the sidecar's own processes, which are reported apart and never taken for the
    model's; `limits` are used where the model's cgroup shows none; `own_network` says that this network is
    the pod's alone; `root` is where `proc` and the cgroup mounts are looked for.
    """

    def __init__(
        self,
        hint: ModelHint,
        sidecar_pids: Callable[[], Iterable[int]],
        *,
        limits: Limits | None = None,
        own_network: bool = False,
        root: Path = Path("/"),
    ) -> None:
        self._own_network = own_network
        self._hint = hint
        self._sidecar_pids = sidecar_pids
        self._limits = limits or Limits()
        self._root = root
        self._walk_at_ns: int | None = None
        self._model: psutil.Process | None = None
        self._tree: list[psutil.Process] = []
        self._pids_walked: list[int] = []
        self._open_files: int | None = None
        self._cgroup = cgroups.Cgroup()
        self._not_visible = ""
        self._not_found = 0
        self._model_cpu = CpuAccount()
        self._sidecar_cpu = CpuAccount()
        self._last_minute = LastMinute()
        self._memory_growth = MemoryGrowth()
        self._cpu_limit = CpuLimit()
        self._weight_files = WeightFiles(root)

    def sample(self, now_ns: int) -> Resources:
        """The resources at `now_ns` (CLOCK_MONOTONIC)."""
        own_pids = frozenset(self._sidecar_pids())
        if self._walk_at_ns is None or now_ns >= self._walk_at_ns or self._others_came():
            self._walk(own_pids)
            self._not_found = 0 if self._tree else min(self._not_found + 1, SEARCHES_SLOWED_TO)
            self._walk_at_ns = now_ns + round(WALK_SECONDS * 1e9) * max(1, self._not_found)
        tree = process_tree.read(self._tree)
        if self._tree and not tree.alive:
            self._not_visible = "the model's processes have ended"
            self._walk_at_ns = None  # look for their successors at the next sample, not in 10 s
        if tree.cpu:
            self._model_cpu.update(tree.cpu)
        resources = self._of_model(tree, now_ns) if tree.alive else self._without_model()
        return self._with_sidecar(resources, own_pids)

    def model_pids(self) -> frozenset[int]:
        """The model's process tree as it was walked last; may be called from another thread."""
        return frozenset(process.pid for process in self._tree)

    def _others_came(self) -> bool:
        """Whether the pod's processes are others than at the last walk: one that fills memory can't wait."""
        if not self._hint.in_pod or not self._tree:
            return False
        pids = containers.pids(self._root)
        return len(pids) <= FEW_PROCESSES and pids != self._pids_walked

    def _walk(self, own_pids: frozenset[int]) -> None:
        if self._hint.in_pod:
            self._pids_walked = containers.pids(self._root)
        tree = self._members(self._model, own_pids) if self._model else []
        if not tree:
            try:
                self._model = find_model(self._hint, own_pids)
            except ModelNotVisible as reason:
                self._model, self._not_visible = None, str(reason)
            else:
                tree = self._begin(self._model, own_pids)
        self._tree = tree
        self._open_files = process_tree.open_files(tree)

    def _begin(self, model: psutil.Process, own_pids: frozenset[int]) -> list[psutil.Process]:
        tree = self._members(model, own_pids)
        if tree:
            self._model_cpu.restart()
            self._last_minute.clear()
            self._memory_growth.clear()
            self._cpu_limit.clear()
            self._weight_files.forget()
            self._cgroup = cgroups.locate(model.pid, self._root)
        else:
            self._not_visible = f"process {model.pid} has ended"
        return tree

    def _members(self, model: psutil.Process, own_pids: frozenset[int]) -> list[psutil.Process]:
        """The model's tree; in a pod also what else is in its container. Nothing if the model is gone."""
        tree = process_tree.walk(model, own_pids)
        if not tree or not self._hint.in_pod:
            return tree
        known = own_pids | {process.pid for process in tree}
        others = process_tree.processes(containers.beside(model.pid, known, self._root))
        return [*tree, *others][: process_tree.PROCESSES_LIMIT]

    def _of_model(self, tree: process_tree.TreeFigures, now_ns: int) -> Resources:
        cgroup = cgroups.read(self._cgroup)
        self._last_minute.add(now_ns, self._model_cpu.seconds, cgroup)
        limited = cgroup.memory_limit_bytes is not None
        cpu_limit = self._limits.cpu_cores if cgroup.cpu_limit_cores is None else cgroup.cpu_limit_cores
        held = cgroup.memory_held_bytes if limited else tree.own_bytes
        self._memory_growth.add(now_ns, held)
        self._weight_files.step(self._tree, now_ns)
        return Resources(
            processes_visible=True,
            processes=tree.alive,
            threads=tree.threads,
            open_files=self._open_files,
            cpu_seconds=self._model_cpu.seconds,
            cpu_cores_used=self._last_minute.cores_used(),
            cpu_limit_cores=cpu_limit,
            cpu_throttled_share=self._last_minute.throttled_share(),
            cpu_at_limit_share=self._at_limit(now_ns, cpu_limit) if cgroup.cpu_periods is None else None,
            rss_bytes=tree.rss_bytes,
            memory_used_bytes=cgroup.memory_used_bytes
            if limited
            else tree.charged_bytes(self._limits.memory_bytes),
            memory_limit_bytes=cgroup.memory_limit_bytes if limited else self._limits.memory_bytes,
            memory_held_bytes=held,
            memory_trends=self._memory_growth.trends(),
            oom_kills=cgroup.oom_kills,
            pressure=pressure.read(self._cgroup, self._root),
            network=traffic_of_pod.network() if self._own_network else None,
            disk=traffic_of_pod.disk(self._cgroup),
            weight_files=self._weight_files.identity,
        )

    def _at_limit(self, now_ns: int, limit_cores: float | None) -> float | None:
        pids = (process.pid for process in self._tree)
        return self._cpu_limit.look(now_ns, pids, self._model_cpu.seconds, limit_cores)

    def _without_model(self) -> Resources:
        return Resources(
            processes_visible=False,
            reason=self._not_visible,
            cpu_seconds=self._model_cpu.seconds,
            pressure=pressure.read(cgroups.Cgroup(), self._root),
            network=traffic_of_pod.network() if self._own_network else None,
        )

    def _with_sidecar(self, resources: Resources, own_pids: frozenset[int]) -> Resources:
        own = process_tree.read(process_tree.processes(sorted(own_pids)))
        return msgspec.structs.replace(
            resources,
            sidecar_rss_bytes=own.rss_bytes,
            sidecar_cpu_seconds=self._sidecar_cpu.update(own.cpu),
        )
