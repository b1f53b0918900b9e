"""Pairs what clients met on two versions in the same minutes: differences that only the versions explain.

The unit is the client, never the request: a client's requests are alike, and where a client always goes to
one version, ten thousand of its requests are one observation of it. Within the same few minutes and the same
stratum of prompt length there are two kinds of pairs:

- a client that was served by both versions is compared with itself, as often as that happens: whatever is
  peculiar to it cancels;
- of clients that were served by one version alone, each of the scarcer side is matched with its share of
  the others (1:k matching; Rosenbaum, "Observational Studies", 2002, ch. 10), once per client as long as its
  key lives: had it been seen before, the past would tell of it, and the next difference would not be news.

If the versions are alike and which client goes where has nothing to do with what it asks, each difference has
mean zero whatever came before, however busy, slow or unlike other hours these minutes were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Met:
    """What one client met on one version in these minutes."""

    stratum: int
    """Of prompt length and operation; only requests of it are counted."""
    events: tuple[int, ...]
    """Judged requests, by measure."""
    bad: tuple[int, ...]
    """Those of them that were bad."""

    def share(self, measure: int) -> float:
        """Of bad ones; only where there are events."""
        return self.bad[measure] / self.events[measure]


Side = Mapping[str, Met]
"""One version's clients, by key."""


def differences(older: Side, newer: Side, measure: int) -> list[float]:
    """New minus old, in [-1, 1], one for each pair; what could be paired with nothing is left out.

    Args:
        older: clients of one version.
        newer: of the other; a client that both have is compared with itself.
        measure: its place in `Met.events`; clients without events of it are passed over.
    """
    both = older.keys() & newer.keys()
    found = [
        newer[key].share(measure) - older[key].share(measure)
        for key in sorted(both)
        if older[key].stratum == newer[key].stratum
        and older[key].events[measure]
        and newer[key].events[measure]
    ]
    lone = [_by_stratum(side, both, measure) for side in (older, newer)]
    for stratum in sorted(lone[0].keys() & lone[1].keys()):
        found += _matched(lone[0][stratum], lone[1][stratum])
    return found


def alone(older: Side, newer: Side) -> set[str]:
    """The clients that are matched with others: of one version alone, where the other has such ones too."""
    lone = [{key for key in side if key not in other} for side, other in ((older, newer), (newer, older))]
    strata = [{side[key].stratum for key in keys} for side, keys in zip((older, newer), lone, strict=True)]
    common = strata[0] & strata[1]
    return {
        key
        for side, keys in zip((older, newer), lone, strict=True)
        for key in keys
        if side[key].stratum in common
    }


def _by_stratum(side: Side, without: set[str], measure: int) -> dict[int, list[float]]:
    """Shares, in the order of the keys: of hashes, so that it means nothing."""
    found: dict[int, list[float]] = {}
    for key in sorted(side):
        if key not in without and side[key].events[measure]:
            found.setdefault(side[key].stratum, []).append(side[key].share(measure))
    return found


def _matched(older: Sequence[float], newer: Sequence[float]) -> Iterator[float]:
    scarce = min(len(older), len(newer))
    for place in range(scarce):
        yield _group_mean(newer, place, scarce) - _group_mean(older, place, scarce)


def _group_mean(shares: Sequence[float], place: int, groups: int) -> float:
    group = shares[place * len(shares) // groups : (place + 1) * len(shares) // groups]
    return sum(group) / len(group)
