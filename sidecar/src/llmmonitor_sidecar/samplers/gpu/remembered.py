"""What is remembered of a GPU, by its uuid: what a single look does not show, whoever looks."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmmonitor_sidecar.samplers.gpu.energy import Energy
from llmmonitor_sidecar.samplers.gpu.slowdowns import Slowdowns
from llmmonitor_sidecar.samplers.gpu.xids import XIDCounts


@dataclass(slots=True)
class Remembered:
    """Of one GPU, from one session of NVML, or one answer of an exporter, to the next."""

    energy: Energy = field(default_factory=Energy)
    slowdowns: Slowdowns = field(default_factory=Slowdowns)
    xids: XIDCounts = field(default_factory=XIDCounts)
    uncorrected: int | None = None
    uncorrected_grew_ns: int | None = None

    def count_uncorrected(self, count: int | None, now_ns: int) -> int | None:
        """Take note of the uncorrectable ECC errors; when they were last seen to grow."""
        before = self.uncorrected
        if count is not None:
            if before is not None and count > before:
                self.uncorrected_grew_ns = now_ns
            self.uncorrected = count
        return self.uncorrected_grew_ns
