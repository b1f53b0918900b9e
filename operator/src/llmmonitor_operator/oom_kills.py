"""Kills for want of memory: when, in which pod, how many, by whoever tells.

Sidecars count what the kernel counts in the model's cgroup; but a kill of the model's first process ends the
container, and that cgroup with it: then the kubelet's word in the pod's status is all there is. What both say
of the same moment counts once. Kept beyond the pods' own ends, for reports of a period.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

KILLS_LIMIT = 50
"""The newest moments."""
SAME_SECONDS = 90.0
"""Between a kill and the report that has it: what the kubelet says within it is the same kill,
and what the kernel counts within it stands together, so that one pod that is killed all the time fills no
list."""


class OOMKill(msgspec.Struct, frozen=True, array_like=True):
    """Processes that were killed at about the same time."""

    uid: str
    """The pod's."""
    pod: str
    """Its name."""
    at: float
    """Unix seconds, of the first."""
    kills: int = 1
    counted_at: float = 0.0
    """When the kernel's count was last seen to grow by some of these; 0: the kubelet alone tells of them."""


def with_kills(known: tuple[OOMKill, ...], seen: Iterable[OOMKill]) -> tuple[OOMKill, ...]:
    """The kills with those that are seen now, most of them not anew; the same object without news."""
    found = list(known)
    for one in seen:
        place = next((n for n in range(len(found) - 1, -1, -1) if _are_together(found[n], one)), None)
        if place is None:
            found.append(one)
        else:
            found[place] = _with(found[place], one)
    newest = tuple(sorted(found, key=lambda each: each.at)[-KILLS_LIMIT:])
    return known if newest == known else newest


def _are_together(known: OOMKill, seen: OOMKill) -> bool:
    return known.uid == seen.uid and abs(known.at - seen.at) <= SAME_SECONDS


def _with(known: OOMKill, seen: OOMKill) -> OOMKill:
    """What the kernel counts anew is more of them; what the kubelet says is one that it counts too."""
    if seen.counted_at <= known.counted_at:
        return known
    kills = known.kills + seen.kills if known.counted_at else max(known.kills, seen.kills)
    return msgspec.structs.replace(known, kills=kills, counted_at=seen.counted_at)


def kills_within(known: Iterable[OOMKill], begin: float, end: float, uids: Iterable[str]) -> int:
    """How many processes of these pods were killed from `begin` to `end` (Unix seconds)."""
    of = set(uids)
    return sum(one.kills for one in known if one.uid in of and begin <= one.at <= end)
