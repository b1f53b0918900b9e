"""What the operator keeps of the interactions that sidecars count.

Two ways, as elsewhere: figures that add up over all kinds, by a flat name each (`NAMES`), for status and
metrics; and, of kinds that have a limit, exact counts by time, under keys that no objective can have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from llmmonitor_api.interactions.kinds import BY_NAME
from llmmonitor_api.report import merge
from llmmonitor_api.report.interactions import InteractionCounts
from llmmonitor_api.report.totals import objective_key
from llmmonitor_operator.windows import Count

EXCHANGES, LOOKED_AT, ANSWERS, CUT_SHORT = "exchanges", "looked_at", "answers", "cut_short"
READ_IN_PART = "read_in_part"
FLAGGED, VERIFIED, COMPLIED, FOUND = "flagged:", "verified:", "complied:", "found:"
NAMES: Final = (EXCHANGES, LOOKED_AT, ANSWERS, CUT_SHORT, READ_IN_PART)
_SIGNAL, _VERIFIED_SIGNAL = "Interaction", "VerifiedInteraction"
_ALL = tuple(BY_NAME)
_NO_OBJECTIVE = '["",'


def flagged_key(kind: str) -> str:
    """Of exchanges by whether a kind was found in them; bad ones are those in which it was."""
    return objective_key("", _SIGNAL, kind)


def verified_key(kind: str) -> str:
    """Of exchanges in which it was found beyond doubt, all of them bad."""
    return objective_key("", _VERIFIED_SIGNAL, kind)


def is_interaction(key: str) -> bool:
    """Whether a key of counts is one of these and no objective's."""
    return key.startswith(_NO_OBJECTIVE)


def counts_of(figures: Mapping[str, int], kinds: Iterable[str]) -> dict[str, Count]:
    """By time-keeping key, of what was added: only of these kinds, and where there was anything."""
    counts = {}
    for kind in kinds:
        flagged = figures.get(FLAGGED + kind, 0)
        counts[flagged_key(kind)] = Count(max(0, looked_for(figures, kind) - flagged), flagged)
        counts[verified_key(kind)] = Count(0, figures.get(VERIFIED + kind, 0))
    return {key: count for key, count in counts.items() if count.total}


def figures_of(interactions: InteractionCounts) -> dict[str, int]:
    """By flat name; zeros are left out."""
    if not interactions.exchanges:
        return {}
    of_answers = [one.looked_at for name, one in interactions.kinds.items() if _is_of_answers(name)]
    found = {
        EXCHANGES: interactions.exchanges,
        LOOKED_AT: interactions.looked_at,
        ANSWERS: max(of_answers, default=0),
        CUT_SHORT: interactions.cut_short,
        READ_IN_PART: interactions.read_in_part,
    }
    for name, kind in interactions.kinds.items():
        found[FLAGGED + name] = kind.flagged
        found[VERIFIED + name] = kind.verified
        found[COMPLIED + name] = kind.complied
    found |= {FOUND + key: times for key, times in interactions.findings.items()}
    return {name: times for name, times in found.items() if times}


def not_looked_for(interactions: InteractionCounts) -> tuple[str, ...]:
    """Kinds of this version that a sidecar does not know: it counts all that it looks for from its start."""
    if not interactions.kinds:
        return _ALL
    return tuple([name for name in BY_NAME if name not in interactions.kinds])


def since(newer: Mapping[str, int], older: Mapping[str, int]) -> dict[str, int]:
    """What was added.

    `ANSWERS` is the most of several counts: a sum of such is never less than that of their sums.

    Raises:
        CountersWentBack: anything else got smaller.
    """
    answers = min(older.get(ANSWERS, 0), newer.get(ANSWERS, 0))
    return merge.counts_since({**newer}, {**older, ANSWERS: answers}, "interactions") if newer else {}


def looked_for(figures: Mapping[str, int], kind: str) -> int:
    """Exchanges in which a kind was looked for."""
    return figures.get(ANSWERS if _is_of_answers(kind) else LOOKED_AT, 0)


def with_prefix(figures: Mapping[str, int], prefix: str) -> Iterable[tuple[str, int]]:
    """The figures whose name begins so, by the rest of it, sorted."""
    return sorted((name.removeprefix(prefix), n) for name, n in figures.items() if name.startswith(prefix))


def _is_of_answers(kind: str) -> bool:
    return kind in BY_NAME and BY_NAME[kind].of_answers
