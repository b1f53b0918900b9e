"""Reads one GPU, by one look at each of its figures and by what is remembered of it."""

from __future__ import annotations

from types import ModuleType

import msgspec

from llmmonitor_api.report.gpus import GPU
from llmmonitor_sidecar.samplers.gpu import instances
from llmmonitor_sidecar.samplers.gpu.answers import Answers, Handle, Lost
from llmmonitor_sidecar.samplers.gpu.ours import Processes
from llmmonitor_sidecar.samplers.gpu.remembered import Remembered

_MILLI = 1e-3
_PERCENT = 0.01
_MOST_MILLIWATTS = 1_000_000_000
_MOST_CELSIUS = 10_000
_MOST_COUNTED = 1 << 62
"""What is more no GPU has, and no report takes: drivers spell "not available" as the largest of a type."""


class Device:
    """One GPU in one session of NVML."""

    def __init__(
        self, nvml: ModuleType, handle: Handle, index: int, remembered: dict[str, Remembered]
    ) -> None:
        self._nvml = nvml
        self._answers = Answers(nvml, handle)
        self.handle = handle
        self.index = index
        try:
            self.uuid = str(self._answers.ask("uuid", "nvmlDeviceGetUUID") or f"index {index}")
            self._name = str(self._answers.ask("name", "nvmlDeviceGetName") or "")
        except Lost:  # nobody knows which one it is: what is remembered is not for it
            self.uuid, self._name, self.remembered = f"index {index}", "", Remembered()
        else:
            self.remembered = remembered.setdefault(self.uuid, Remembered())
        self.instances: tuple[instances.Instance, ...] = ()
        self.processes: dict[str, Processes] = {}
        """By what can be requested: itself, or its instances."""
        self._partitioned: bool | None = None

    def walk(self) -> None:
        """Look at what seldom changes and is dear to ask: the partition, and who uses it."""
        try:
            mode = self._answers.ask("MIG", "nvmlDeviceGetMigMode")
            self._partitioned = None if mode is None else mode[0] == self._nvml.NVML_DEVICE_MIG_ENABLE
            self.instances = tuple(instances.of(self._nvml, self._answers)) if self._partitioned else ()
            self.processes = {one.uuid: instances.processes(one.answers) for one in self.instances}
            if not self._partitioned:
                self.processes = {self.uuid: instances.processes(self._answers)}
        except Lost:  # said by `read`
            self.processes.setdefault(self.uuid, {})

    def read(self, now_ns: int, *, tells_xids: bool) -> GPU:
        """Its figures at CLOCK_MONOTONIC `now_ns`, without whose it is.

        Raises:
            DriverGone: nothing answers any more.
        """
        try:
            gpu = self._figures(now_ns)
        except Lost as error:
            taken = self.remembered.energy.joules
            gpu = GPU(uuid=self.uuid, lost=True, problem=f"lost: {error}", energy_joules=taken)
        return msgspec.structs.replace(
            gpu,
            index=self.index,
            name=self._name,
            xids=self.remembered.xids.report(now_ns),
            xids_seen=tells_xids,
        )

    def _figures(self, now_ns: int) -> GPU:
        ask = self._answers.ask
        memory = self._answers.memory()
        used = None if self._partitioned else ask("utilisation", "nvmlDeviceGetUtilizationRates")
        power = self._answers.number("power", "nvmlDeviceGetPowerUsage", most=_MOST_MILLIWATTS)
        watts = None if power is None else power * _MILLI
        self._add_energy(watts, now_ns)
        reasons = self._answers.first(
            "slowdowns",
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
        )
        if reasons is not None:
            self.remembered.slowdowns.add(int(reasons), now_ns)
        corrected, uncorrected = self._ecc("CORRECTED"), self._ecc("UNCORRECTED")
        pending, failed = self._repairs()
        grew_ns = self.remembered.count_uncorrected(uncorrected, now_ns)
        temperature = self._answers.number(
            "temperature",
            "nvmlDeviceGetTemperature",
            self._nvml.NVML_TEMPERATURE_GPU,
            most=_MOST_CELSIUS,
        )
        return GPU(
            uuid=self.uuid,
            problem=self._answers.problem,
            utilisation=None if used is None else min(1.0, used.gpu * _PERCENT),
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_watts=watts,
            energy_joules=self.remembered.energy.joules,
            energy_integrated=self.remembered.energy.integrated,
            temperature_celsius=None if temperature is None else float(temperature),
            slowdowns=None if reasons is None else self.remembered.slowdowns.shares(),
            slowdown_samples=self.remembered.slowdowns.count,
            ecc_corrected=corrected,
            ecc_uncorrected=uncorrected,
            ecc_uncorrected_age_seconds=None if grew_ns is None else (now_ns - grew_ns) * 1e-9,
            repair_pending=pending,
            repair_failed=failed,
            partitioned=self._partitioned,
            instances=tuple(map(instances.read, self.instances)),
        )

    def _add_energy(self, watts: float | None, now_ns: int) -> None:
        counted = None
        if self.remembered.energy.counter_due(now_ns):
            counted = self._answers.number(
                "energy counter", "nvmlDeviceGetTotalEnergyConsumption", most=_MOST_COUNTED
            )
        self.remembered.energy.add(now_ns, watts, counted)

    def _ecc(self, which: str) -> int | None:
        error = getattr(self._nvml, f"NVML_MEMORY_ERROR_TYPE_{which}")
        volatile = self._nvml.NVML_VOLATILE_ECC
        return self._answers.number(
            f"{which.lower()} ECC", "nvmlDeviceGetTotalEccErrors", error, volatile, most=_MOST_COUNTED
        )

    def _repairs(self) -> tuple[bool | None, bool | None]:
        """Pending and failed: rows that are remapped since Ampere, pages that are retired before."""
        rows = self._answers.ask("repairs", "nvmlDeviceGetRemappedRows")
        if rows is not None:
            return bool(rows[2]), bool(rows[3])
        pages = self._answers.ask("repairs", "nvmlDeviceGetRetiredPagesPendingStatus")
        return (None if pages is None else bool(pages)), None
