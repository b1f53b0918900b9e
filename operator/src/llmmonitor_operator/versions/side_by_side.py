"""Brings what sidecars say of single clients to the comparison of the two versions that run side by side.

Minutes are taken in when they are over and every pod of both versions has told of them, or after some
patience without those that have not. Only reports under one key count together, and of each client only what
all pods told of: where one pod had more clients than it could count, the others' are cut down to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from llmmonitor_api.report.clients import MINUTES_SECONDS, ClientMet, Clients, is_within
from llmmonitor_operator.versions.comparison import Comparison, Minutes, advanced
from llmmonitor_operator.versions.history import History, compared
from llmmonitor_operator.versions.matching import Met, Side

PATIENCE_SECONDS = 120.0
"""For pods that have not told of minutes that are over."""


def run_side_by_side(history: History) -> bool:
    """Whether two versions that are compared run now: then clients have to be told apart."""
    pair = compared(history)
    return pair is not None and pair[0].name in history.running.values()


def compared_further(history: History, clients: Mapping[str, Clients], now: float, margin: float) -> History:
    """The history with the minutes that are over in its comparison; the same object if there is nothing new.

    Args:
        history: with what runs now.
        clients: what each pod's newest report says of clients, by the pod's UID.
        now: Unix seconds.
        margin: differences of shares up to this count as none.
    """
    pair = compared(history)
    if pair is None or pair[0].name not in history.running.values():
        return history
    number = int(now // MINUTES_SECONDS) - 1
    known = history.comparison
    names = pair[0].name, pair[1].name
    if known is not None and (known.older, known.newer) == names and known.newest == number:
        return history
    own = {uid: one for uid, one in clients.items() if history.running.get(uid) in names}
    told = [one for one in own.values() if one.minutes == number]
    everyone = len(told) == sum(name in names for name in history.running.values())
    if not told or not (everyone or now >= (number + 1) * MINUTES_SECONDS + PATIENCE_SECONDS):
        return history
    (key, measures), _ = Counter((one.key_id, one.measures) for one in told).most_common(1)[0]
    level = max(one.level for one in told)
    sides = [
        _side(
            (
                one
                for uid, one in own.items()
                if history.running[uid] == name
                and (one.minutes, one.key_id, one.measures) == (number, key, measures)
            ),
            level,
            len(measures),
        )
        for name in names
    ]
    if known is None or (known.older, known.newer, known.measures) != (*names, measures):
        known = Comparison(*names, measures)
    elif known.newest > number:  # a clock was ahead
        known = msgspec.structs.replace(known, newest=0)
    known = advanced(known, Minutes(number, key, sides[0], sides[1]), margin)
    return msgspec.structs.replace(history, comparison=known)


def _side(told: Iterable[Clients], level: int, measures: int) -> Side:
    found: dict[str, Met] = {}
    for one in told:
        for client, met in one.met.items():
            if is_within(client, level) and len(met.events) == len(met.bad) == measures:
                found[client] = _together(found.get(client), met)
    return found


def _together(known: Met | None, met: ClientMet) -> Met:
    """What a client met on two pods of a version; of two strata the one with more requests counts."""
    bad = tuple(min(pair) for pair in zip(met.bad, met.events, strict=True))
    if known is None or (known.stratum != met.stratum and sum(met.events) > sum(known.events)):
        return Met(met.stratum, met.events, bad)
    if known.stratum != met.stratum:
        return known
    return Met(
        known.stratum,
        tuple(map(sum, zip(known.events, met.events, strict=True))),
        tuple(map(sum, zip(known.bad, bad, strict=True))),
    )
