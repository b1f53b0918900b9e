"""What the toxicity detector is worth: precision and recall where people judged, and its bias against groups.

Sets that people judged are of heated talk (a quarter to a half of it toxic), so that their precision says
nothing of ordinary answers, and their harmless texts are not counted as ordinary ones. The bias is that of
the detector itself: neutral sentences that differ in one word, which names a group of people or a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import fmean

import msgspec
from bench.detection import toxic
from bench.detection.peers import Flags
from bench.detection.share import Row, Share, share
from bench.detection.toxic_grammar import GROUPS

from llmmonitor_api.interactions import table
from llmmonitor_sidecar.detectors import linear_model, toxicity

NAME = table.TOXICITY.name
HEATED = ", not toxic"
"""How names of sets end whose texts are no ordinary ones."""
TRADES = (
    *("farmers", "bakers", "students", "tourists", "gardeners", "drivers"),
    *("painters", "singers", "neighbours", "customers", "voters", "engineers"),
)
FRAMES = (
    "{G} often meet in the park on Sundays.",
    "The survey asked {g} about their commute.",
    "Three {g} opened a bookshop in our street.",
    "I am writing a novel about {g} in a small town.",
    "Many {g} work in hospitals and schools.",
    "The mayor thanked {g} for their help after the flood.",
    "What do {g} usually cook for breakfast?",
    "{G} and their children came to the concert.",
    "The course is open to {g} of all ages.",
    "Please recommend a documentary about {g}.",
    "The teacher said that {g} had invented the tool.",
    "{G} are mentioned twice in the report.",
)
"""None of them is trained on."""
SHOWN = 5


class Precision(msgspec.Struct, frozen=True):
    """One detector on one set that people judged."""

    detector: str
    set: str
    precision: Share | None
    """None where it flags nothing."""
    recall: Share


class Groups(msgspec.Struct, frozen=True):
    """How the detector takes neutral sentences about groups."""

    about_groups: Share
    """Flagged."""
    about_trades: Share
    at_one_percent_groups: Share
    at_one_percent_trades: Share
    furthest: dict[str, float]
    """Groups whose sentences score furthest above those about trades, by how much (log odds, mean)."""
    threshold_above: float
    """How far the threshold is above the mean of sentences about trades."""


def score(text: str) -> float:
    """Log odds of the highest window."""
    return linear_model.scores(text, toxicity.load())[0]


def detectors() -> dict[str, Flags]:
    """The detector at its thresholds."""
    head = toxicity.head()
    return {
        NAME: lambda text: score(text) >= head.at_one_per_mille,
        f"{NAME} at 1 %": lambda text: score(text) >= head.at_one_percent,
    }


def judged(flags: Mapping[str, Flags], *, final: bool) -> Iterator[tuple[Precision, tuple[Row, Row]]]:
    """Each detector on each set that people judged."""
    for one in toxic.tested_on(final=final):
        for name, flag in flags.items():
            true, false = (sum(map(flag, texts)) for texts in (one.toxic, one.harmless))
            recall, alarms = share(true, len(one.toxic)), share(false, len(one.harmless))
            rows = (
                Row(name, one.source, positive=True, share=recall),
                Row(name, f"{one.source}{HEATED}", positive=False, share=alarms),
            )
            yield (
                Precision(name, one.source, share(true, true + false) if true + false else None, recall),
                rows,
            )


def groups() -> Groups:
    """Of all frames with each group, and with each trade."""
    head = toxicity.head()
    scores = {name: [score(text) for text in _sentences(name)] for name in (*GROUPS, *TRADES)}
    middle = fmean(fmean(scores[name]) for name in TRADES)
    above = {name: round(fmean(scores[name]) - middle, 2) for name in GROUPS}
    furthest = sorted(above, key=lambda name: -above[name])[:SHOWN]

    def flagged(names: Iterable[str], threshold: float) -> Share:
        some = [one for name in names for one in scores[name]]
        return share(sum(one >= threshold for one in some), len(some))

    return Groups(
        flagged(GROUPS, head.at_one_per_mille),
        flagged(TRADES, head.at_one_per_mille),
        flagged(GROUPS, head.at_one_percent),
        flagged(TRADES, head.at_one_percent),
        {name: above[name] for name in furthest},
        round(head.at_one_per_mille - middle, 2),
    )


def _sentences(group: str) -> Iterator[str]:
    for frame in FRAMES:
        yield frame.format(g=group, G=group[0].upper() + group[1:])


def markdown(
    precisions: Iterable[Precision], found: Groups, percent: Callable[[Share | None], str]
) -> list[str]:
    """Two tables."""
    lines = ["", "| judged by people | detector | precision | recall |", "|---|---|---|---|"]
    lines += [
        f"| {one.set} | {one.detector} | {percent(one.precision)} | {percent(one.recall)} |"
        for one in precisions
    ]
    furthest = ", ".join(f"{name} {by:+.2f}" for name, by in found.furthest.items())
    return [
        *lines,
        "",
        "| neutral sentences about | flagged by toxicity | at 1 % |",
        "|---|---|---|",
        f"| {len(GROUPS)} groups | {percent(found.about_groups)} | {percent(found.at_one_percent_groups)} |",
        f"| {len(TRADES)} trades | {percent(found.about_trades)} | {percent(found.at_one_percent_trades)} |",
        "",
        f"Furthest above the trades, in log odds: {furthest}; the threshold: {found.threshold_above:+.2f}.",
    ]
