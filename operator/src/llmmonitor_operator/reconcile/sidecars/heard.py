"""What a sidecar said, read in full or at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from llmmonitor_api.report.report import Identity


class Said(Protocol):
    """A report, or as much of it as is read."""

    @property
    def identity(self) -> Identity:
        """Whose it is."""


S = TypeVar("S", bound=Said)


@dataclass(slots=True)
class Heard(Generic[S]):
    """What a sidecar said."""

    said: S
    """As it was to be read."""
    body: bytes
    """The whole, as it came: a fifth of the memory."""
