"""One session of NVML, from its opening to its end: the GPUs it shows, and their events."""

from __future__ import annotations

import contextlib
from types import ModuleType

import msgspec

from llmmonitor_api.report.gpus import GPU, GPUS_LIMIT
from llmmonitor_sidecar.samplers.gpu import ours
from llmmonitor_sidecar.samplers.gpu.device import Device
from llmmonitor_sidecar.samplers.gpu.remembered import Remembered
from llmmonitor_sidecar.samplers.gpu.xids import WHOLE_GPU, Events, key_of

WALK_NS = 10_000_000_000
"""Between two looks at processes and partitions."""


class Session:
    """The GPUs that NVML shows; `remembered` has what is known of each by uuid, and outlives the session.

    Raises:
        NVMLError: NVML cannot say how many there are.
    """

    def __init__(self, nvml: ModuleType, remembered: dict[str, Remembered]) -> None:
        self._nvml = nvml
        self._walk_at_ns = 0
        self.devices: list[Device] = []
        self.unreachable: list[GPU] = []
        """Those of which there is not even a handle."""
        self.driver = self._driver()
        count = int(nvml.nvmlDeviceGetCount())
        self.beyond = max(0, count - GPUS_LIMIT)
        for index in range(min(count, GPUS_LIMIT)):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
            except nvml.NVMLError as error:
                if error.value != nvml.NVML_ERROR_NO_PERMISSION:  # that one is not for this container
                    lost = GPU(uuid=f"index {index}", index=index, lost=True, problem=f"no handle: {error}")
                    self.unreachable.append(lost)
            else:
                self.devices.append(Device(nvml, handle, index, remembered))
        self._events = Events(nvml, [one.handle for one in self.devices])

    def read(self, now_ns: int, model: frozenset[int]) -> tuple[GPU, ...]:
        """All GPUs at CLOCK_MONOTONIC `now_ns`; whose they are is left open.

        Raises:
            DriverGone: nothing answers any more.
        """
        if now_ns >= self._walk_at_ns:
            for one in self.devices:
                one.walk()
            self._walk_at_ns = now_ns + WALK_NS
        self._count_xids(now_ns)
        return (*(self._read(one, now_ns, model) for one in self.devices), *self.unreachable)

    def _read(self, device: Device, now_ns: int, model: frozenset[int]) -> GPU:
        gpu = device.read(now_ns, tells_xids=key_of(device.handle) in self._events.registered)
        instances = tuple(
            msgspec.structs.replace(
                one, model_memory_bytes=ours.memory_of(device.processes.get(one.uuid, {}), model)
            )
            for one in gpu.instances
        )
        used = ours.memory_of(
            {pid: size for processes in device.processes.values() for pid, size in processes.items()}, model
        )
        return msgspec.structs.replace(gpu, instances=instances, model_memory_bytes=used)

    def _count_xids(self, now_ns: int) -> None:
        by_key = {key_of(one.handle): one for one in self.devices}
        for key, number, instance in self._events.take():
            device = by_key.get(key)
            if device is None:
                continue
            parts = {one.number for one in device.instances}
            if parts and instance not in {WHOLE_GPU, *parts}:
                continue  # of an instance that is another's
            device.remembered.xids.add(number, now_ns)

    def _driver(self) -> str:
        try:
            return str(self._nvml.nvmlSystemGetDriverVersion())
        except self._nvml.NVMLError:
            return ""

    def close(self) -> None:
        """End it."""
        self._events.close()
        with contextlib.suppress(self._nvml.NVMLError):  # it may have ended by itself
            self._nvml.nvmlShutdown()
