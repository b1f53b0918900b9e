"""Some hundreds of requests in a row, as counts: what is judged at once, and what a baseline is made of.

Windows do not overlap. One closes with the report that fills it, so it may hold more than asked for. Those
that are kept are bytes: a thousand monitors have hundreds of them each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from llmmonitor_api.report.features import FEATURES, OTHER, WHOLE, WORDS, FeatureCounts
from llmmonitor_operator.packing import pack, unpack

K = TypeVar("K")

CATEGORIES_LIMIT = 32
"""Of one feature after all replicas are added; the fewest go to OTHER."""
LONGEST_HOURLY_SECONDS = 7_200.0
"""A window that took longer is of no hour of the day."""
_HOUR, _WEEK_HOURS = 3_600, 168


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of requests that ended in (begin, end], Unix seconds."""

    begin: float = 0.0
    end: float = 0.0
    requests: int = 0
    counts: dict[str, dict[int, int]] = {}
    """By feature, then bucket; `llmmonitor_api.report.features` says what they are."""
    completions: dict[int, dict[int, int]] = {}
    """By stratum."""
    texts: int = 0
    """Requests of which the text was looked at."""
    known: dict[str, int] = {}
    """By feature that counts words: the requests that they are of."""

    @property
    def hour(self) -> int | None:
        """Its hour of the week, 0 to 167, by its middle; None where it took too long for that."""
        if self.end - self.begin > LONGEST_HOURLY_SECONDS:
            return None
        return int((self.begin + self.end) / 2 // _HOUR) % _WEEK_HOURS

    def known_of(self, feature: str) -> int:
        """Requests of which the feature is known."""
        counted = sum(self.counts.get(feature, {}).values())
        return min(counted, self.known.get(feature, 0)) if feature in WORDS else counted

    @property
    def day(self) -> int:
        """The day since 1970, UTC, in which it ended."""
        return int(self.end // 86_400)


def joined(window: Window, features: FeatureCounts, begin: float, end: float) -> Window:
    """The window with what happened in (begin, end]."""
    if not features.requests and not features.counts:  # texts are looked at a little later
        return window
    counts = features.counts
    return Window(
        begin=min(window.begin, begin) if window.end else begin,
        end=max(window.end, end),
        requests=window.requests + features.requests,
        counts=summed([window.counts, {name: counts[name] for name in FEATURES if name in counts}]),
        completions=summed([window.completions, features.completions]),
        texts=window.texts + features.texts,
        known=window.known
        | {name: window.known.get(name, 0) + features.known[name] for name in features.known},
    )


def closed(window: Window, limit: int = CATEGORIES_LIMIT) -> Window:
    """The same with no more categories than are kept."""
    counts = {
        name: buckets if name in WHOLE else folded(buckets, limit) for name, buckets in window.counts.items()
    }
    return msgspec.structs.replace(window, counts=counts)


def folded(buckets: Mapping[int, int], limit: int = CATEGORIES_LIMIT) -> dict[int, int]:
    """The `limit` largest categories, by code where equal; the rest is OTHER."""
    known = sorted((code for code in buckets if code != OTHER), key=lambda code: (-buckets[code], code))
    kept = {code: buckets[code] for code in known[:limit]}
    rest = sum(buckets.values()) - sum(kept.values())
    return kept | {OTHER: rest} if rest else kept


def summed(parts: Iterable[Mapping[K, Mapping[int, int]]]) -> dict[K, dict[int, int]]:
    """Counts by two keys, added."""
    result: dict[K, dict[int, int]] = {}
    for part in parts:
        for name, buckets in part.items():
            add(result.setdefault(name, {}), buckets)
    return result


def add(into: dict[int, int], buckets: Mapping[int, int], times: int = 1) -> None:
    """Add `times` the counts; those that become none, or less since they were folded, are taken out."""
    for bucket, count in buckets.items():
        left = into.get(bucket, 0) + times * count
        if left > 0:
            into[bucket] = left
        else:
            into.pop(bucket, None)


def packed(window: Window) -> bytes:
    """As bytes."""
    return msgspec.msgpack.encode(pack(window))


def unpacked(data: bytes) -> Window:
    """From bytes.

    Raises:
        ValueError: they are no window.
    """
    try:
        return msgspec.convert(msgspec.msgpack.decode(data, ext_hook=unpack), Window)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no window: {error}") from error
