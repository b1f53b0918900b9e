"""What each detector finds, what it raises by mistake, and what it costs: `make bench-detectors`.

Attacks and benign texts are of sources that no training and no calibration saw, copies left out
(`detection/texts.py`); intervals are Wilson's, 95 %. Of a benign source at most MOST texts are drawn. Where
no labelled collection can be had, values are made (card numbers with a right check digit and so on) and put
into sentences, which measures recall alone. Costs are CPU time of this process, medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from bench.detection import attacks, benign, toxic, toxicity_measured, train, train_toxicity
from bench.detection.made import MADE, hidden, looping, many_shot
from bench.detection.peers import NOT_RUN, Flags, peers, toxicity_peers
from bench.detection.share import Row, Share, share
from bench.detection.texts import PACKAGES, Text, distinct, without_copies
from bench.detection.toxicity_measured import HEATED, Groups, Precision
from bench.measure import machine
from bench.results import DIRECTORY, Run, keep, today

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors import (
    encodings,
    injection_model,
    injection_rules,
    linear_model,
    pii,
    refusals,
    repetition,
    secrets,
)
from llmmonitor_sidecar.detectors import many_shot as many_shot_detector
from llmmonitor_sidecar.detectors.finding import Heard
from llmmonitor_sidecar.detectors.inspect import inspect
from llmmonitor_sidecar.detectors.said import Message

MOST = 400
ROUNDS = 9
TRAPS = "bastioncorpus traps"
"""Written to be mistaken: shown, and no measure of ordinary text."""
MEASURED = Path("api/src/llmmonitor_api/interactions/measured.json")
LARGE = 100
"""Texts of a set, from which on it says how often a detector is wrong."""
KILOBYTE = 1024
ALL = "all detectors, 1 KB asked and 1 KB answered"


class Cost(msgspec.Struct, frozen=True):
    """CPU time for 1 KB of ordinary text."""

    detector: str
    microseconds: float
    spread: float
    rounds: int


class Results(Run, kw_only=True):
    """The content of `bench/results/detectors.json`."""

    rows: list[Row]
    costs: list[Cost]
    not_run: dict[str, str]
    judged: list[Precision] = msgspec.field(default_factory=list)
    groups: Groups | None = None


def by_model(text: str, *, strict: bool = True) -> bool:
    """Whether the model flags a text, at 0.1 % or at 1 %."""
    heads = injection_model.load()
    found = zip(linear_model.scores(text, heads), heads.facts, strict=True)
    return any(score >= (head.at_one_per_mille if strict else head.at_one_percent) for score, head in found)


def by_both(text: str) -> bool:
    """As the sidecar flags: model or rules, hidden text included."""
    every = (text, *encodings.hidden(text))
    return any(injection_rules.kinds_in(one) or by_model(one) for one in every)


INJECTION: dict[str, Flags] = {
    table.INJECTION_RULES.name: lambda text: bool(injection_rules.kinds_in(text)),
    table.INJECTION_MODEL.name: by_model,
    f"{table.INJECTION_MODEL.name} at 1 %": lambda text: by_model(text, strict=False),
    "both, as shipped": by_both,
}
OTHERS: dict[str, Flags] = {
    table.PII.name: lambda text: any(True for _ in pii.values(text)),
    f"{table.PII.name}, verified": lambda text: any(one.verified for one in pii.values(text)),
    table.SECRETS.name: lambda text: any(True for _ in secrets.found_in(text)),
    table.REFUSALS.name: refusals.is_refusal,
    table.REPETITION.name: repetition.loops,
    table.MANY_SHOT.name: lambda text: any(
        True for _ in many_shot_detector.judge(Message(Origin.USER, text))
    ),
    table.ENCODINGS.name: lambda text: bool(encodings.hidden(text)),
}


def measured(flags: dict[str, Flags], texts: Iterable[Text], *, positive: bool) -> list[Row]:
    """Each detector on each source."""
    by_source: dict[str, list[str]] = {}
    for one in texts:
        by_source.setdefault(one.source, []).append(one.text)
    return [
        Row(name, source, positive, share(sum(map(flag, said)), len(said)))
        for name, flag in flags.items()
        for source, said in by_source.items()
    ]


def made_sets() -> list[Row]:
    """What is measured on texts that are made, or that people judged."""
    rows = [
        Row(name, f"made: {sort}", positive=True, share=share(sum(map(OTHERS[name], texts)), len(texts)))
        for name, sort, texts in MADE()
    ]
    judged = list(attacks.refusals())
    for positive, words in ((True, "PyRIT, people's verdict: refuses"), (False, "PyRIT: does not refuse")):
        said = [text for text, refuses in judged if refuses is positive]
        flagged = sum(map(refusals.is_refusal, said))
        rows.append(Row(table.REFUSALS.name, words, positive, share(flagged, len(said))))
    shots = json.loads((PACKAGES / "pyrit/datasets/jailbreak/many_shot_examples.json").read_text("utf-8"))
    for name, texts in (
        (table.MANY_SHOT.name, many_shot(shots)),
        (table.REPETITION.name, looping()),
        (table.ENCODINGS.name, hidden([one.text for one in attacks.tested_on()])),
    ):
        flagged = sum(map(OTHERS[name], texts))
        rows.append(Row(name, "made", positive=True, share=share(flagged, len(texts))))
    return rows


def costs(texts: Sequence[str], others: dict[str, Flags]) -> list[Cost]:
    """Of 1 KB each."""
    pieces = [text[:KILOBYTE] for text in texts if len(text) >= KILOBYTE][:60]
    heard = [
        Heard(context=(message,), new=(message,), answers=(answer,), complete=True)
        for message, answer in zip((Message(Origin.USER, one) for one in pieces), pieces[1:], strict=False)
    ]
    found = [_cost(name, flag, pieces) for name, flag in {**INJECTION, **OTHERS, **others}.items()]
    whole = [sorted(map(_inspected, heard)) for _ in range(ROUNDS)]
    return [
        *found,
        _of_rounds(f"{ALL}, median of {len(heard)} requests", [statistics.median(each) for each in whole]),
        _of_rounds(f"{ALL}, the slowest twentieth", [each[len(each) * 19 // 20] for each in whole]),
    ]


def _cost(name: str, flag: Flags, pieces: Sequence[str]) -> Cost:
    return _of_rounds(
        name, [_timed(lambda: [flag(one) for one in pieces], len(pieces)) for _ in range(ROUNDS)]
    )


def _inspected(one: Heard) -> float:
    return _timed(lambda: inspect(one, (), time.thread_time_ns), 1)


def _timed(work: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    work()
    return 1e6 * (time.thread_time() - began) / times


def _of_rounds(name: str, rounds: Sequence[float]) -> Cost:
    middle = statistics.median(rounds)
    spread = statistics.median(abs(one - middle) for one in rounds)
    return Cost(name, round(middle, 1), round(spread, 1), len(rounds))


def drawn(texts: Iterable[Text]) -> list[Text]:
    """At most MOST of each source."""
    by_source: dict[str, list[Text]] = {}
    for one in texts:
        by_source.setdefault(one.source, []).append(one)
    draw = random.Random(6)
    return [one for some in by_source.values() for one in draw.sample(some, min(MOST, len(some)))]


def run() -> Results:
    """All of it."""
    known = train.training_texts()
    hostile = without_copies(distinct(attacks.tested_on()), known)
    plain = without_copies(drawn(distinct(benign.tested_on())), known)
    others = peers()
    rows = measured({**INJECTION, **others}, hostile.texts, positive=True)
    rows += measured({**INJECTION, **others, **OTHERS}, plain.texts, positive=False)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return Results(
        machine=machine.describe(),
        commit=commit.stdout.strip(),
        date=today(),
        method={
            "copies left out": f"{hostile.left_out} attacks, {plain.left_out} benign texts",
            "texts": "requirements/detectors.txt; sources and licences in bench/detection/",
        },
        rows=rows + made_sets(),
        costs=costs([one.text for one in plain.texts], others),
        not_run=dict(NOT_RUN),
    )


def with_toxicity(others: Results) -> Results:
    """Those of the other detectors, and the toxicity detector's measured now; all costs anew."""
    flags = toxicity_measured.detectors() | toxicity_peers()
    judged = list(toxicity_measured.judged(flags, final=True))
    plain = without_copies(drawn(distinct(benign.tested_on())), train_toxicity.training_texts()).texts
    rows = [one for one in others.rows if one.detector not in flags]
    rows += [row for _, pair in judged for row in pair]
    rows += measured(flags, [*plain, *drawn(toxic.about_groups())], positive=False)
    return msgspec.structs.replace(
        others,
        rows=rows,
        costs=costs([one.text for one in plain], peers() | flags),
        judged=[precision for precision, _ in judged],
        groups=toxicity_measured.groups(),
        not_run=dict(NOT_RUN),
    )


def false_alarms_high(rows: Iterable[Row]) -> dict[str, float]:
    """By kind, the upper end of the worst large set of ordinary text."""
    by_kind = {
        kinds.PROMPT_INJECTION.name: "both, as shipped",
        kinds.JAILBREAK.name: "both, as shipped",
        kinds.PROMPT_EXTRACTION.name: table.INJECTION_RULES.name,
        kinds.MANY_SHOT.name: table.MANY_SHOT.name,
        kinds.ENCODED_CONTENT.name: table.ENCODINGS.name,
        kinds.REPETITION.name: table.REPETITION.name,
        kinds.REFUSALS.name: table.REFUSALS.name,
        kinds.TOXICITY.name: table.TOXICITY.name,
        kinds.TOXICITY_RECEIVED.name: table.TOXICITY.name,
    }
    rows = list(rows)
    return {kind: _worst(rows, name) for kind, name in by_kind.items()}


def _worst(rows: Sequence[Row], name: str) -> float:
    """Of the set in which the largest share is flagged; of all together where none is in any."""
    every = [one.share for one in rows if one.detector == name and not one.positive and _ordinary(one.set)]
    large = [one for one in every if one.n >= LARGE]
    worst = max(large, key=lambda one: one.flagged / one.n)
    return worst.high if worst.flagged else share(0, sum(one.n for one in large)).high


def _ordinary(name: str) -> bool:
    return name != TRAPS and not name.endswith(HEATED)


def pooled(rows: Iterable[Row], detector: str, *, positive: bool) -> Share | None:
    """Over all sets but the traps, and heated talk."""
    some = [
        one.share
        for one in rows
        if one.detector == detector and one.positive is positive and _ordinary(one.set)
    ]
    total = sum(one.n for one in some)
    return share(sum(one.flagged for one in some), total) if total else None


def markdown(found: Results) -> str:
    """Three tables."""
    names = list(dict.fromkeys(one.detector for one in found.rows))
    cost = {one.detector: one for one in found.costs}
    lines = [
        "| detector | found of attacks | false alarms per million benign texts | µs per KB |",
        "|---|---|---|---|",
    ]
    for name in names:
        recall, alarms = (pooled(found.rows, name, positive=side) for side in (True, False))
        price = cost.get(name)
        lines.append(
            f"| {name} | {_percent(recall)} | {_per_million(alarms)} |"
            f" {'' if price is None else f'{price.microseconds:g} ± {price.spread:g}'} |"
        )
    lines += ["", *(_whole(one) for one in found.costs if one.detector.startswith(ALL))]
    lines += [f"Not run: {name}: {why}." for name, why in found.not_run.items()]
    if found.groups is not None:
        lines += toxicity_measured.markdown(found.judged, found.groups, _percent)
    lines += ["", "| set | detector | flagged | 95 % | n |", "|---|---|---|---|---|"]
    for one in found.rows:
        got = one.share
        ends = f"{100 * got.low:.2f}–{100 * got.high:.2f} %"  # noqa: RUF001 - a range
        side = "attacks" if one.positive else "benign"
        lines.append(
            f"| {one.set} ({side}) | {one.detector} | {100 * got.flagged / got.n:.1f} % | {ends} | {got.n} |"
        )
    return "\n".join([*lines, ""])


def _whole(cost: Cost) -> str:
    return f"{cost.detector}: {cost.microseconds:g} ± {cost.spread:g} µs ({cost.rounds} rounds)."


def _percent(got: Share | None) -> str:
    if got is None:
        return "not measured"
    return f"{100 * got.flagged / got.n:.1f} % ({100 * got.low:.1f}–{100 * got.high:.1f}, n={got.n})"  # noqa: RUF001


def _per_million(got: Share | None) -> str:
    if got is None:
        return "not measured"
    return f"{1e6 * got.flagged / got.n:,.0f} ({1e6 * got.low:,.0f}–{1e6 * got.high:,.0f}, n={got.n:,})"  # noqa: RUF001


def main(arguments: list[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="bench.detectors", description=__doc__)
    parser.add_argument("--output", type=Path, default=DIRECTORY)
    parser.add_argument(
        "--toxicity", action="store_true", help="keep the last results of the other detectors"
    )
    options = parser.parse_args(arguments)
    last = options.output / "detectors.json"
    found = with_toxicity(msgspec.json.decode(last.read_bytes(), type=Results) if options.toxicity else run())
    keep("detectors", found, markdown(found), options.output)
    if options.output == DIRECTORY:
        high = {"false_alarms_high": false_alarms_high(found.rows), "date": found.date}
        MEASURED.write_bytes(msgspec.json.format(msgspec.json.encode(high), indent=1) + b"\n")
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
