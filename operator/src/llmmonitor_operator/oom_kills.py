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
"""Between a kill and the report that has it: what the kubelet says within it is the same kill."""


class OOMKill(msgspec.Struct, frozen=True, array_like=True):
    """Processes that were killed at about the same time."""

    uid: str
    """The pod's."""
    pod: str
    """Its name."""
    at: float
    """Unix seconds."""
    kills: int = 1


def with_kills(known: tuple[OOMKill, ...], seen: Iterable[OOMKill]) -> tuple[OOMKill, ...]:
    """The kills with those that are seen now, most of them not anew; the same object without news."""
    found = list(known)
    for one in seen:
        place = next(
            (
                n
                for n, each in enumerate(found)
                if each.uid == one.uid and abs(each.at - one.at) <= SAME_SECONDS
            ),
            None,
        )
        if place is None:
            found.append(one)
        elif one.kills > found[place].kills:
            found[place] = msgspec.structs.replace(found[place], kills=one.kills)
    newest = tuple(sorted(found, key=lambda each: each.at)[-KILLS_LIMIT:])
    return known if newest == known else newest


def kills_within(known: Iterable[OOMKill], begin: float, end: float, uids: Iterable[str]) -> int:
    """How many processes of these pods were killed from `begin` to `end` (Unix seconds)."""
    of = set(uids)
    return sum(one.kills for one in known if one.uid in of and begin <= one.at <= end)
