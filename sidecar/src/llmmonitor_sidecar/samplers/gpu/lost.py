"""Keeps GPUs that were lost in the report, until they come back.

NVML opened anew may not know a lost GPU's name any more, or not list it at all; and a model that crashed with
it has no process on it that would tell whose it was. So what was known when it last answered is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from llmmonitor_api.report.gpus import GPU, GPUS_LIMIT
from llmmonitor_sidecar.samplers.gpu.remembered import Remembered


class LostGPUs:
    """What is remembered of all of them, over sessions of NVML."""

    def __init__(self) -> None:
        self._ours: dict[str, bool] = {}
        """Whether it was the pod's when it last answered, by uuid."""
        self._lost: dict[str, GPU] = {}

    def carry(
        self, found: Sequence[GPU], remembered: Mapping[str, Remembered], now_ns: int
    ) -> tuple[GPU, ...]:
        """All that are found, and those lost before that are not, by index."""
        for one in found:
            if not one.lost:
                self._ours[one.uuid] = one.ours
                self._lost.pop(one.uuid, None)
        nameless = [one for one in found if one.lost and one.uuid not in remembered]
        named = [self._named(one) for one in found if one not in nameless]
        self._lost |= {one.uuid: one for one in named if one.lost}
        here = {one.uuid for one in named}
        carried = [
            msgspec.structs.replace(one, xids=remembered[uuid].xids.report(now_ns))
            for uuid, one in self._lost.items()
            if uuid not in here
        ]
        # those without a name are most likely the ones that are missed
        every = sorted([*named, *carried, *nameless[len(carried) :]], key=lambda one: one.index)
        return tuple(every[:GPUS_LIMIT])

    def _named(self, gpu: GPU) -> GPU:
        if not gpu.lost:
            return gpu
        return msgspec.structs.replace(gpu, ours=self._ours.get(gpu.uuid, gpu.ours))
