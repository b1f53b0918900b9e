"""The last valid spec of a monitor in its state, and so in its checkpoint, and back from there.

Kept as the API server gave it, not as this version understood it: who reads it reads it like any other spec.
"""

from __future__ import annotations

import logging

import msgspec

from llmmonitor_operator.monitors import Known, Monitors
from llmmonitor_operator.state import State

_log = logging.getLogger(__name__)


def with_valid_spec(state: State, known: Known) -> State:
    """`state` with the spec in force; without one it keeps what it has, which a later version may read."""
    if known.valid_spec in {"", state.valid_spec}:
        return state
    return msgspec.structs.replace(state, valid_spec=known.valid_spec)


def recalled(monitors: Monitors, known: Known, state: State) -> Known:
    """The monitor with the spec of `state` in force, where it has none; said if that cannot be read."""
    if known.monitor is not None or known.recalled:
        return known
    found = monitors.recall(known, state.valid_spec)
    if found.monitor is None and state.valid_spec:
        metadata = found.raw["metadata"]
        _log.error("LLMMonitor %s/%s: %s", metadata["namespace"], metadata["name"], found.invalid)
    return found
