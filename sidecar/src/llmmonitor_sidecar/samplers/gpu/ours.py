"""Tells the pod's GPUs from the others that its sidecar may see.

A runtime that shows GPUs to the sidecar mostly shows all of the node's. The driver lists processes with the
pids of the namespace that asks (open-gpu-kernel-modules, os_find_ns_pid; older drivers give the node's, which
match none of ours): where the model's are among them, its GPUs are known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from llmmonitor_api.report import gpus

Processes = Mapping[int, int | None]
"""Pid to bytes on the GPU; None where they are not told."""


def ours(
    units: Mapping[str, Processes], model: Collection[int], requested: int | None
) -> tuple[str, frozenset[str]]:
    """How the pod's GPUs were told from others, and which they are.

    Args:
        units: what can be requested, each with the processes on it: GPUs that are not partitioned, and
            instances of those that are.
        model: pids of the model's process tree; empty where they cannot be seen.
        requested: how many of them the pod requests; None where nobody told.
    """
    used = frozenset(uuid for uuid, processes in units.items() if not processes.keys().isdisjoint(model))
    if used and (requested is None or len(used) >= requested):
        return gpus.BY_PROCESSES, used
    if requested is None:
        return gpus.BY_SIGHT, frozenset(units)
    if len(units) <= requested:
        return gpus.BY_NUMBER, frozenset(units)
    if used:  # the others that it requests it does not use yet, and which they are cannot be told
        return gpus.BY_PROCESSES, used
    return gpus.NOT_TOLD, frozenset()


def memory_of(processes: Processes, model: Collection[int]) -> int | None:
    """Bytes that the model's processes have; None if none of them is there or tells."""
    known = [size for pid, size in processes.items() if pid in model and size is not None]
    return sum(known) if known else None
