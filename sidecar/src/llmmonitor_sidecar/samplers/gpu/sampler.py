"""Samples the GPUs that this container can see into `report.GPUs`.

Blocks as long as the driver does: called in a thread of its own (`thread.py`). While there is no library or
driver it is looked for once a minute, which costs next to nothing; a GPU that is lost is looked for anew at
the same pace, because NVML finds one that came back only when it is opened again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import msgspec

from llmmonitor_api.report.gpus import GPU, NVML, GPUs
from llmmonitor_sidecar.samplers.gpu import ours
from llmmonitor_sidecar.samplers.gpu.answers import DriverGone
from llmmonitor_sidecar.samplers.gpu.energy import PodsEnergy
from llmmonitor_sidecar.samplers.gpu.library import Unavailable, open_nvml
from llmmonitor_sidecar.samplers.gpu.lost import LostGPUs
from llmmonitor_sidecar.samplers.gpu.remembered import Remembered
from llmmonitor_sidecar.samplers.gpu.session import Session

OPEN_AGAIN_NS = 60_000_000_000
"""Between two attempts to open NVML."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample, and the energy that the pod's GPUs have taken since the sidecar looks."""

    gpus: GPUs
    energy_millijoules: int = 0


class GPUSampler:
    """The GPUs, `sample` by `sample`.

    `model_pids` gives the model's process tree as far as it is seen; `requested` is how many GPUs the pod
    requests, None where nobody told.
    """

    def __init__(
        self,
        model_pids: Callable[[], frozenset[int]],
        requested: int | None = None,
        open_library: Callable[[], ModuleType] = open_nvml,
    ) -> None:
        self._model_pids = model_pids
        self._requested = requested
        self._open_library = open_library
        self._session: Session | None = None
        self._open_at_ns: int | None = None
        """When NVML is opened, or opened anew, next; None while all is well."""
        self._why_not = ""
        self._remembered: dict[str, Remembered] = {}
        self._lost = LostGPUs()
        self._energy = PodsEnergy()

    def sample(self, now_ns: int) -> Sampled:
        """The GPUs at `now_ns` (CLOCK_MONOTONIC)."""
        if self._session is None and self._open_at_ns is None:
            self._open_at_ns = now_ns
        if self._open_at_ns is not None and now_ns >= self._open_at_ns:
            self._open(now_ns)
        if self._session is None:
            return self._without()
        try:
            devices = self._session.read(now_ns, self._model_pids())
        except DriverGone as error:
            self._close()
            self._why_not = f"the driver does not answer any more: {error}"
            self._open_at_ns = now_ns + OPEN_AGAIN_NS
            return self._without()
        if any(one.lost for one in devices):
            self._open_at_ns = self._open_at_ns or now_ns + OPEN_AGAIN_NS
        else:
            self._open_at_ns = None
        return self._with(self._session, devices, now_ns)

    def _with(self, session: Session, devices: tuple[GPU, ...], now_ns: int) -> Sampled:
        units = {uuid: processes for one in session.devices for uuid, processes in one.processes.items()}
        told_by, uuids = ours.ours(units, self._model_pids(), self._requested)
        whose = self._lost.carry([_whose(one, uuids) for one in devices], self._remembered, now_ns)
        self._energy.add({one.uuid: one.energy_joules for one in whose if one.ours and not one.partitioned})
        found = GPUs(
            visible=True,
            source=NVML,
            driver=session.driver,
            requested=self._requested,
            told_by=told_by,
            devices=whose,
            beyond=session.beyond,
        )
        return Sampled(found, self._energy.millijoules)

    def _without(self) -> Sampled:
        gpus = GPUs(visible=False, reason=self._why_not, requested=self._requested)
        return Sampled(gpus, self._energy.millijoules)

    def _open(self, now_ns: int) -> None:
        self._close()
        self._open_at_ns = now_ns + OPEN_AGAIN_NS
        try:
            nvml = self._open_library()
        except Unavailable as why:
            self._why_not = str(why)
            return
        try:
            self._session = Session(nvml, self._remembered)
        except (nvml.NVMLError, DriverGone) as error:
            self._why_not = f"NVML cannot list the GPUs: {error}"
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
            return
        if not self._session.devices and not self._session.unreachable:
            self._close()
            self._why_not = "NVML answers, and shows no GPU to this container"

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _whose(gpu: GPU, uuids: frozenset[str]) -> GPU:
    instances = tuple(
        msgspec.structs.replace(one, ours=True) if one.uuid in uuids else one for one in gpu.instances
    )
    mine = gpu.uuid in uuids or any(one.ours for one in instances)
    return msgspec.structs.replace(gpu, ours=mine, instances=instances)
