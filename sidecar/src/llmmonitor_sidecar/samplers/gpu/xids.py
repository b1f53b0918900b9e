"""Errors that the driver reports by number (XID), counted from NVML's events.

Events that nobody waits for are kept by the driver in a short queue, so it is emptied at each sample; those
of before the sidecar are not seen. Which numbers speak of what ran on the GPU rather than of the GPU: those
that NVIDIA's device plugin ignores (k8s-device-plugin, internal/rm/health.go, commit 02597b97).
Catalogue: https://docs.nvidia.com/deploy/xid-errors/
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from llmmonitor_api.report.gpus import APPLICATION, HARDWARE, XID, XIDS_LIMIT
from llmmonitor_sidecar.samplers.gpu.answers import Handle

OF_THE_APPLICATION = frozenset({13, 31, 43, 45, 68, 109})
"""Exception, page fault, stopped, clean-up after another, video, time-out of a switch of contexts."""
WHOLE_GPU = 0xFFFFFFFF
"""The instance of an event that is not of one."""
LARGEST = 0xFFFF_FFFF
"""NVML gives 64 bits, and a report whose numbers are longer than it may have is refused as a whole."""
_EVENTS_AT_ONCE = 64
_WAIT_MILLISECONDS = 1


def kind(number: int) -> str:
    """What an XID speaks of; a number that is not known speaks of the hardware."""
    return APPLICATION if number in OF_THE_APPLICATION else HARDWARE


class XIDCounts:
    """Of one GPU; outlives sessions of NVML."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def add(self, number: int, now_ns: int) -> None:
        """One more; a new number beyond the limit takes the place of the one heard of least lately.

        Numbers beyond LARGEST, of which none is known, count as that.
        """
        number = min(number, LARGEST)
        if number not in self._seen and len(self._seen) >= XIDS_LIMIT:
            del self._seen[min(self._seen, key=lambda one: self._seen[one][1])]
        count, _ = self._seen.get(number, (0, 0))
        self._seen[number] = count + 1, now_ns

    def report(self, now_ns: int) -> tuple[XID, ...]:
        """By number."""
        return tuple(
            XID(number, kind(number), count, (now_ns - at_ns) * 1e-9)
            for number, (count, at_ns) in sorted(self._seen.items())
        )


def key_of(handle: Handle) -> int:
    """Where a device of NVML's points: the same for all handles of one GPU within a session."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


class Events:
    """The events of one session; `registered` has the keys of those GPUs that report any."""

    def __init__(self, nvml: ModuleType, handles: Iterable[Handle]) -> None:
        self._nvml = nvml
        self.registered: set[int] = set()
        self._events: Any = None
        try:
            self._events = nvml.nvmlEventSetCreate()
        except nvml.NVMLError:
            return  # none of the GPUs is registered, and that is said of each
        for handle in handles:
            try:
                supported = nvml.nvmlDeviceGetSupportedEventTypes(handle)
                wanted = supported & nvml.nvmlEventTypeXidCriticalError
                if wanted:
                    nvml.nvmlDeviceRegisterEvents(handle, wanted, self._events)
                    self.registered.add(key_of(handle))
            except nvml.NVMLError:
                continue

    def take(self) -> Iterator[tuple[int, int, int]]:
        """Key of the GPU, XID and number of the instance (or WHOLE_GPU) of all that has come."""
        for _ in range(_EVENTS_AT_ONCE if self.registered else 0):
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._events, _WAIT_MILLISECONDS)
            except self._nvml.NVMLError:
                return  # mostly a time-out: there are none; a GPU that is lost is said where it is read
            if event.eventType == self._nvml.nvmlEventTypeXidCriticalError:
                yield key_of(event.device), int(event.eventData), int(event.gpuInstanceId)

    def close(self) -> None:
        """Let go of the event set."""
        if self._events is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlEventSetFree(self._events)
            self._events = None
