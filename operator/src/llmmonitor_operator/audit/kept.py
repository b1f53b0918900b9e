"""What the operator keeps of a monitor's audit chain with its state: how long it is, and what is recorded."""

from __future__ import annotations

import msgspec


class AuditKept(msgspec.Struct, frozen=True):
    """Everything; `AuditKept()` before the first record."""

    records: int = 0
    head: str = ""
    """The digest of the last of them."""
    generation: int = 0
    """Of the spec, the newest that is recorded."""
    suspended: tuple[str, ...] = ()
    """Detectors (`review_kept.Subject.key`) whose suspension is recorded, and whose end is not."""
    accepted: str = ""
    """The owner's word on drift, the newest that is recorded."""
