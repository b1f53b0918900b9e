"""One version compared with the one that it runs beside: evidence that grows, and what it says so far.

A key by which clients are known lives a day, so a client of yesterday cannot be told from a new one: evidence
is begun anew with every key, the days share the error rate (the k-th has 1/(k(k + 1)) of it), and the newest
day that decides counts. Nothing then depends on clients that come back to the same version day after day.
Several measures share it too (Bonferroni, which holds whatever they have to do with each other).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import msgspec

from llmmonitor_operator.versions.matching import Side, alone, differences
from llmmonitor_operator.versions.sequence import Evidence, interval, is_above, is_below, observed

ERROR_RATE = 0.05
"""Of one comparison over all its measures and all its time."""
PAIRS_NEEDED = 50
"""While another measure has so many pairs, one without any is not there to be judged."""
_FILTER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Minutes:
    """What clients met in the same few minutes."""

    number: int
    """Since 1970."""
    key: str
    """Of which key the clients' names are."""
    older: Side
    newer: Side


class Finding(StrEnum):
    """What is known of one measure; worse and better by more than the margin."""

    WORSE = "worse"
    BETTER = "better"
    ALIKE = "alike"
    """It differs by less than the margin."""
    NOT_WORSE = "not worse"
    """Not by more than the margin; it may be better."""
    OPEN = "open"


class Comparison(msgspec.Struct, frozen=True):
    """Of two versions on some measures; as begun, nothing is known."""

    older: str
    newer: str
    measures: tuple[str, ...]
    key: str = ""
    """Which key clients are known by now."""
    day: int = 0
    """The number of that key in this comparison; 0 before the first."""
    newest: int = 0
    """The number of the newest minutes that are in."""
    evidence: tuple[Evidence, ...] = ()
    """By measure, under this key."""
    decided: tuple[tuple[str, int, Evidence] | None, ...] = ()
    """By measure: what was found under the newest key that decided it, which that was, and by what."""
    seen: bytes = b""
    """Clients that were matched under this key, as a filter (Bloom 1970) that may take a new one for one of
    them, never the reverse. Without it the key is as good as new."""


def advanced(comparison: Comparison, minutes: Minutes, margin: float) -> Comparison:
    """The comparison with what clients met in some minutes.

    Args:
        comparison: so far.
        minutes: whose number is not larger than the newest that is in adds nothing.
        margin: differences of shares up to this count as none.
    """
    if minutes.number <= comparison.newest:
        return comparison
    anew = comparison.key != minutes.key or not comparison.seen
    one = _under(comparison, minutes.key) if anew else comparison
    fresh, seen = _without_seen(one.seen, minutes.older, minutes.newer)
    evidence = []
    for measure, before in enumerate(one.evidence):
        after = before
        for difference in differences(*fresh, measure):
            after = observed(after, difference)
        evidence.append(after)
    error = error_of(one)
    return msgspec.structs.replace(
        one,
        newest=minutes.number,
        evidence=tuple(evidence),
        decided=tuple(
            (found.value, one.day, now)
            if (found := finding(now, margin, error)) is not Finding.OPEN
            else before
            for now, before in zip(evidence, one.decided, strict=True)
        ),
        seen=seen,
    )


def error_of(comparison: Comparison, day: int = 0) -> float:
    """The error rate of one measure, both sides together: under the current key, or under that of `day`."""
    day = day or max(1, comparison.day)
    return ERROR_RATE / (max(1, len(comparison.measures)) * day * (day + 1))


def finding(evidence: Evidence, margin: float, error: float) -> Finding:
    """What the evidence says of the newer version at this error rate; more bad events are worse."""
    side = error / 2
    if is_above(evidence, margin, side):
        return Finding.WORSE
    if is_below(evidence, -margin, side):
        return Finding.BETTER
    if is_below(evidence, margin, side):
        return Finding.ALIKE if is_above(evidence, -margin, side) else Finding.NOT_WORSE
    return Finding.OPEN


def bounds(comparison: Comparison, measure: int) -> tuple[Evidence, float, float]:
    """The evidence that counts for a measure, and its interval: of the day that decided, else of this one."""
    decided = comparison.decided[measure] if comparison.decided else None
    if decided is None:
        evidence = comparison.evidence[measure] if comparison.evidence else Evidence()
        return evidence, *interval(evidence, error_of(comparison))
    _, day, evidence = decided
    return evidence, *interval(evidence, error_of(comparison, day))


def findings(comparison: Comparison) -> tuple[Finding | None, ...]:
    """By measure; None for one of which no client has events, though others do."""
    most = max((one.n for one in comparison.evidence), default=0)
    return tuple(
        Finding(decided[0])
        if decided is not None
        else (None if not evidence.n and most >= PAIRS_NEEDED else Finding.OPEN)
        for decided, evidence in zip(comparison.decided, comparison.evidence, strict=True)
    )


def overall(comparison: Comparison) -> Finding:
    """Worse where any measure is; better or alike where that is known of all; else open."""
    found = [one for one in findings(comparison) if one is not None]
    if Finding.WORSE in found:
        return Finding.WORSE
    if not found or Finding.OPEN in found:
        return Finding.OPEN
    if Finding.BETTER in found:
        return Finding.BETTER
    return Finding.OPEN if Finding.NOT_WORSE in found else Finding.ALIKE


def _under(comparison: Comparison, key: str) -> Comparison:
    return msgspec.structs.replace(
        comparison,
        key=key,
        day=comparison.day + 1,
        evidence=(Evidence(),) * len(comparison.measures),
        decided=comparison.decided or (None,) * len(comparison.measures),
        seen=bytes(_FILTER_BYTES),
    )


def _without_seen(seen: bytes, older: Side, newer: Side) -> tuple[tuple[Side, Side], bytes]:
    """Both sides without clients that one of them alone has and that were matched before; and those now."""
    bits = bytearray(seen)
    known = {key for key in older.keys() ^ newer.keys() if _is_in(bits, key)}
    fresh = [{key: met for key, met in side.items() if key not in known} for side in (older, newer)]
    for key in alone(fresh[0], fresh[1]):
        for place in _places(key):
            bits[place >> 3] |= 1 << (place & 7)
    return (fresh[0], fresh[1]), bytes(bits)


def _is_in(bits: bytearray, key: str) -> bool:
    one, two, three, four = _places(key)
    return bool(
        bits[one >> 3] >> (one & 7) & 1
        and bits[two >> 3] >> (two & 7) & 1
        and bits[three >> 3] >> (three & 7) & 1
        and bits[four >> 3] >> (four & 7) & 1
    )


def _places(key: str) -> tuple[int, int, int, int]:
    """Bits of the filter, which has as many as 16 bits can number."""
    number = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
    return number & 0xFFFF, number >> 16 & 0xFFFF, number >> 32 & 0xFFFF, number >> 48
