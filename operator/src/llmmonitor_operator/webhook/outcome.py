"""What became of one request, and how it is said: in the answer, in the log, in the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """In one word."""

    INJECTED = "injected"
    MISSED = "missed"
    """A monitor wants this pod, and it starts without a sidecar: the operator attaches one later."""
    UNTOUCHED = "untouched"
    """Nobody wants it monitored."""
    FAILED = "failed"
    """We could not even tell; whether a monitor wants it is not known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The pod is let through in any case."""

    result: Result
    reason: str = ""
    """In one word, for metrics."""
    warning: str = ""
    """For whoever creates the pod; it is empty where they need not know."""
    hint: str = ""
    """For them too: something about the pod that does not mean what it seems to."""
    patch: tuple[Mapping[str, Any], ...] = ()


def failed(reason: str, words: str) -> Outcome:
    """Something of ours did not work."""
    return Outcome(Result.FAILED, reason, f"llm-monitor: the pod starts unmonitored: {words}")
