"""The parts of a GPU that MIG partitioned: each has memory and processes of its own.

In a container that was given an instance, NVML shows its GPU with that instance alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from llmmonitor_api.report.gpus import MIG_LIMIT, MIGInstance
from llmmonitor_sidecar.samplers.gpu.answers import MOST_BYTES, Answers
from llmmonitor_sidecar.samplers.gpu.ours import Processes

PLACES_LIMIT = 16
"""Indices that are looked at: nvmlDeviceGetMaxMigDeviceCount says 7."""

_PROCESSES = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")
"""Drivers from 510 and from 450 on. pynvml's unversioned name answers older ones with another exception."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One of them, in one session of NVML."""

    uuid: str
    number: int | None
    """Of the GPU instance, as events name it."""
    answers: Answers


def of(nvml: ModuleType, gpu: Answers) -> Iterator[Instance]:
    """The instances that can be seen, `MIG_LIMIT` at most."""
    found = 0
    places = gpu.ask("instances", "nvmlDeviceGetMaxMigDeviceCount") or 0
    for place in range(min(places, PLACES_LIMIT)):
        try:
            handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu.handle, place)
        except nvml.NVMLError:
            continue  # NOT_FOUND where no instance was made, NO_PERMISSION where it is another's
        answers = Answers(nvml, handle)
        uuid = answers.ask("uuid", "nvmlDeviceGetUUID") or f"instance {place}"
        yield Instance(uuid, answers.ask("number", "nvmlDeviceGetGpuInstanceId"), answers)
        found += 1
        if found == MIG_LIMIT:
            return


def read(instance: Instance) -> MIGInstance:
    """Its memory."""
    memory = instance.answers.memory()
    return MIGInstance(
        uuid=instance.uuid,
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
    )


def processes(answers: Answers) -> Processes:
    """Who uses a GPU or an instance; empty where that is not told."""
    listed = answers.first("processes", *_PROCESSES) or ()
    return {int(one.pid): _believed(one.usedGpuMemory) for one in listed}


def _believed(size: int | None) -> int | None:
    return None if size is None or size > MOST_BYTES else int(size)
