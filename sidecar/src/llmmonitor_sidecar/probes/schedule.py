"""Which probes are due: rounds begin at fixed times, and every replica asks its own part of each.

A round is named by the time it begins, so that replicas agree on it without talking: multiples of the
schedule, moved by a part of it that the monitor's seed gives. Its items go round the replicas, and one place
further with every round, so that over some rounds each replica has answered everything. Without a schedule
there is one round for each version of the model.
"""

from __future__ import annotations

from hashlib import blake2b

from llmmonitor_api.probe_plan import ProbePlan

JITTER_SHARE = 0.1
JITTER_LIMIT_SECONDS = 60.0


def round_at(plan: ProbePlan, now: float) -> float:
    """The round that is on at `now` (Unix seconds), by when it began; 0 without a schedule."""
    if plan.schedule_seconds is None:
        return 0.0
    phase = _fraction(plan.seed) * plan.schedule_seconds
    return phase + (now - phase) // plan.schedule_seconds * plan.schedule_seconds


def begins_after(plan: ProbePlan, replica: str, started: float) -> float:
    """How many seconds into a round this replica begins: not all at once."""
    if plan.schedule_seconds is None:
        return 0.0
    return _fraction(f"{replica} {started}") * min(plan.schedule_seconds * JITTER_SHARE, JITTER_LIMIT_SECONDS)


def is_mine(plan: ProbePlan, item: int, started: float) -> bool:
    """Whether the item of that number is this replica's in the round that began then."""
    if plan.of <= 0:
        return False
    turn = int(started // plan.schedule_seconds) if plan.schedule_seconds else 0
    return (item + turn) % plan.of == plan.index


def _fraction(text: str) -> float:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
