"""Takes back what a clock that was ahead wrote into the future.

Windows end with the newest event: one that is a year ahead, because a node's clock was for a minute, would
have them hold nothing else for a year. It did happen, though: what lies in the future is moved back as a
whole until its end is now, so that nothing is lost and nothing that took an hour looks like a burst.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import msgspec

from llmmonitor_operator.drift.watch import Watch as DriftWatch
from llmmonitor_operator.packed_figures import PackedFigures, total_of
from llmmonitor_operator.state import Held, Pod, Source, State
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Tier

T = TypeVar("T")

TOLERATED_SECONDS = 60.0
"""By which a clock may be put back without a word: windows move on by themselves."""


def not_after(state: State, now: float) -> State:
    """The state with nothing in it that is later than `now` (Unix seconds); the same object if nothing is."""
    newest = max(_times(state), default=now)
    if newest <= now + TOLERATED_SECONDS:
        return state
    moved = partial(_moved, newest=newest, now=now)
    return msgspec.structs.replace(
        state,
        pods={uid: _pod(pod, now) for uid, pod in state.pods.items()},
        counts=tuple(
            {key: moved(cells, tier, operator.add) for key, cells in by_key.items()}
            for by_key, tier in zip(state.counts, COUNT_TIERS, strict=True)
        ),
        figures=tuple(
            moved(cells, tier, lambda *two: PackedFigures(total_of(two)))
            for cells, tier in zip(state.figures, FIGURE_TIERS, strict=True)
        ),
        figures_from=tuple(min(at, now) for at in state.figures_from),
        figures_since={},
        newest_at=_at_most(state.newest_at, now),
        events_at={key: min(at, now) for key, at in state.events_at.items()},
        progress_at=_at_most(state.progress_at, now),
        oom_kills=tuple(
            msgspec.structs.replace(one, at=min(one.at, now), counted_at=min(one.counted_at, now))
            for one in state.oom_kills
        ),
        forgotten_until=_at_most(state.forgotten_until, now),
        held={kind: _held(one, now) for kind, one in state.held.items()},
        drift=_drift(state.drift, now),
    )


def _times(state: State) -> Iterator[float]:
    given = (state.newest_at, state.progress_at, state.forgotten_until)
    yield from (at for at in given if at is not None)
    yield from state.events_at.values()
    yield from (boot.at for pod in state.pods.values() for boot in pod.boots)
    yield from (one.judged_at for one in state.held.values())
    yield from (state.drift.open.end, state.drift.window_at)


def _moved(
    cells: dict[int, T], tier: Tier, add: Callable[[T, T], T], *, newest: float, now: float
) -> dict[int, T]:
    """The cells with those after `now` moved back by as much as `newest` is ahead."""
    last = tier.index(now)
    ahead = tier.index(newest) - last
    found = {index: cell for index, cell in cells.items() if index <= last}
    for index, cell in cells.items():
        if index > last:
            there = found.get(index - ahead)
            found[index - ahead] = cell if there is None else add(there, cell)
    return found


def _pod(pod: Pod, now: float) -> Pod:
    return msgspec.structs.replace(
        pod,
        boots=tuple(_source(boot, now) for boot in pod.boots),
        oom_killed_at=_at_most(pod.oom_killed_at, now),
        refused_at=_at_most(pod.refused_at, now),
    )


def _source(source: Source, now: float) -> Source:
    return msgspec.structs.replace(source, at=min(source.at, now), started_at=min(source.started_at, now))


def _held(held: Held, now: float) -> Held:
    return msgspec.structs.replace(
        held, judged_at=min(held.judged_at, now), failing_at=_at_most(held.failing_at, now)
    )


def _drift(drift: DriftWatch, now: float) -> DriftWatch:
    window = msgspec.structs.replace(
        drift.open, begin=min(drift.open.begin, now), end=min(drift.open.end, now)
    )
    return msgspec.structs.replace(drift, open=window, window_at=min(drift.window_at, now))


def _at_most(at: float | None, now: float) -> float | None:
    return None if at is None else min(at, now)
