"""What a sidecar said, read in full or at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from llmmonitor_api.report.glance import Glance
from llmmonitor_api.report.report import Report

S = TypeVar("S", Report, Glance)


@dataclass(slots=True)
class Heard(Generic[S]):
    """What a sidecar said; not frozen, which takes a µs of a look that takes 100."""

    said: S
    """As it was to be read."""
    body: bytes
    """The whole report, as it came."""
