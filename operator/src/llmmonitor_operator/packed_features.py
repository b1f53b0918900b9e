"""Counts of features as bytes: what the operator holds of each replica's last report.

As `packed_figures.py`: a map of integers takes seventy bytes an entry, and a replica that looks at texts has
hundreds, which is 380 MB of ten thousand replicas. They are read when the replica reports.
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.report.features import FeatureCounts

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(FeatureCounts).decode


class PackedFeatures:
    """One `FeatureCounts`, packed; never changed."""

    __slots__ = ("_packed",)

    def __init__(self, features: FeatureCounts) -> None:
        """Args: features: copied."""
        self._packed = _ENCODE(features)

    def unpacked(self) -> FeatureCounts:
        """The counts."""
        return _DECODE(self._packed)

    @property
    def size(self) -> int:
        """Bytes that it takes, but for its own few."""
        return len(self._packed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedFeatures):
            return NotImplemented
        return self._packed == other._packed or self.unpacked() == other.unpacked()  # maps in another order

    def __hash__(self) -> int:
        return hash(self.unpacked().requests)


NO_FEATURES = PackedFeatures(FeatureCounts())
