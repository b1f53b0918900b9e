"""`python -m bench.bias`: how often pairs are called different by chance, and how soon rightly.

Answerers with known habits are asked the suites' scenarios in their order, with the lot of words and groups
as the sidecar draws it, and are judged by the operator's own functions after every pair. Beside them what is
otherwise done with such pairs. No clock is involved. Writes `bench/results/bias.md` and prints it; `--quick`
only proves that it runs, and writes nothing.
"""

import argparse
import random
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import comb
from pathlib import Path

from llmmonitor_operator.evaluate.counterfactual import ALPHA, Tally, found
from llmmonitor_operator.evaluate.wording import wilson_interval as wilson
from llmmonitor_sidecar.probes.bias.pairs import scenarios

RUNS = 2_000
ATTRIBUTES = ("age", "disability", "gender", "origin", "religion")
MATTERS = ATTRIBUTES[0]
RATES = (0.05, 0.1, 0.2)
NOISES = (0.0, 0.01, 0.05)
OURS = "ours, looked at after every pair"
OUTPUT = Path("bench/results/bias.md")

Phrase = tuple[int, int]
"""Group and number of the words."""
Answers = Callable[[str, Phrase], bool]
"""One scenario's answerer: by attribute and words."""
Habit = Callable[[random.Random], Answers]


@dataclass(frozen=True, slots=True)
class Seen:
    """One pair: whether words alone, and whether the group, changed the answer."""

    control: bool
    other: bool


def by_words(share: float) -> Habit:
    """In that share of scenarios every phrase gets an answer of its own, by lot, whatever the attribute."""

    def habit(rng: random.Random) -> Answers:
        doubtful = rng.random() < share
        given: dict[tuple[str, Phrase], bool] = {}

        def answer(attribute: str, phrase: Phrase) -> bool:
            return doubtful and given.setdefault((attribute, phrase), rng.random() < 0.5)

        return answer

    return habit


def by_one_odd_phrase(share: float) -> Habit:
    """One phrase of each attribute, always the same, turns the answer in that share of scenarios."""

    def habit(rng: random.Random) -> Answers:
        turned = rng.random() < share
        return lambda _attribute, phrase: turned and phrase == (0, 1)

    return habit


def at_random(_rng: random.Random) -> Answers:
    """Every answer by lot, also to the same words."""
    return lambda _attribute, _phrase: _rng.random() < 0.5


def by_group(rate: float, noise: float) -> Habit:
    """One attribute turns the answer at that rate; words alone at the rate of the noise, in any attribute."""

    def habit(rng: random.Random) -> Answers:
        turned = rng.random() < rate
        words = by_words(2 * noise)(rng)
        return lambda attribute, phrase: (
            (turned and attribute == MATTERS and phrase[0] == 1) ^ words(attribute, phrase)
        )

    return habit


def pair(rng: random.Random, answer: Callable[[Phrase], bool]) -> Seen:
    """Base, control and counterfactual by lot, as `probes.bias.pairs` draws them."""
    group, first, other = rng.randrange(2), rng.randrange(2), rng.randrange(2)
    base = answer((group, first))
    return Seen(base != answer((group, 1 - first)), base != answer((1 - group, other)))


def ours(pairs: dict[str, list[Seen]]) -> dict[str, int]:
    """The attributes that are found, and after how many pairs: looked at after each."""
    counts = {name: [0, 0] for name in pairs}
    result: dict[str, int] = {}
    for n in range(len(pairs[MATTERS])):
        for name, every in pairs.items():
            counts[name][0] += every[n].other and not every[n].control
            counts[name][1] += every[n].control and not every[n].other
        tallies = {name: Tally(alone, words, 0) for name, (alone, words) in counts.items()}
        for name in found(tallies, len(pairs)):
            result.setdefault(name, n + 1)
    return result


def sign_test(pairs: dict[str, list[Seen]], *, looks: bool) -> dict[str, int]:
    """McNemar's exact test of group against words, p < .05: at every pair; or once, Bonferroni."""
    result: dict[str, int] = {}
    for name, every in pairs.items():
        alone = words = 0
        for n, one in enumerate(every, 1):
            alone += one.other and not one.control
            words += one.control and not one.other
            last = n == len(every)
            limit = ALPHA if looks else ALPHA / len(pairs)
            if (looks or last) and _p(alone, words) < limit:
                result.setdefault(name, n)
    return result


def flip_share(pairs: dict[str, list[Seen]]) -> dict[str, int]:
    """The share of pairs whose answers differ, above 5 %: without a control."""
    return {
        name: len(every)
        for name, every in pairs.items()
        if sum(one.other for one in every) > 0.05 * len(every)
    }


@cache
def _p(alone: int, words: int) -> float:
    n = alone + words
    return float(sum(comb(n, k) for k in range(alone, n + 1)) / 2.0**n)


PROCEDURES: dict[str, Callable[[dict[str, list[Seen]]], dict[str, int]]] = {
    OURS: ours,
    "exact sign test, looked at after every pair": lambda pairs: sign_test(pairs, looks=True),
    "exact sign test, once, Bonferroni": lambda pairs: sign_test(pairs, looks=False),
    "share of flips > 5 %, once": flip_share,
}
NULLS: dict[str, Habit] = {
    "30 % of scenarios answered by the words": by_words(0.3),
    "2 % of scenarios answered by the words": by_words(0.02),
    "one odd phrase turns 20 % of scenarios": by_one_odd_phrase(0.2),
    "every answer at random": at_random,
}


def simulated(habit: Habit, runs: int, procedures: Collection[str]) -> dict[str, list[dict[str, int]]]:
    """What each procedure finds in each run."""
    outcomes: dict[str, list[dict[str, int]]] = {name: [] for name in procedures}
    for run in range(runs):
        rng = random.Random(run)
        pairs: dict[str, list[Seen]] = {name: [] for name in ATTRIBUTES}
        for _ in scenarios():
            answers = habit(rng)
            for name, seen in pairs.items():
                seen.append(pair(rng, partial(answers, name)))
        for procedure in procedures:
            outcomes[procedure].append(PROCEDURES[procedure](pairs))
    return outcomes


def report(runs: int) -> str:
    """Both tables, as Markdown."""
    lines = [
        "# Bias: false findings under continuous looks, and power",
        "",
        f"`make bench-bias`: {runs:,} simulated models a row, {len(scenarios())} scenarios,",
        f"{len(ATTRIBUTES)} attributes, judged by the operator's own functions; 95 % Wilson intervals.",
        "",
        "## Where no attribute matters: models with any finding",
        "",
        f"Nominal: {ALPHA:.0%}.",
        "",
        "| model | " + " | ".join(PROCEDURES) + " |",
        "|---|" + "---:|" * len(PROCEDURES),
    ]
    for what, habit in NULLS.items():
        every = simulated(habit, runs, PROCEDURES)
        cells = [_share(sum(map(bool, every[name])), runs) for name in PROCEDURES]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Where one attribute turns answers: found by the last pair, and after how many pairs (median)",
        "",
        "| turns | words alone turn | ours | pairs | others called different |",
        "|---:|---:|---:|---:|---:|",
    ]
    for rate in RATES:
        for noise in NOISES:
            every_run = simulated(by_group(rate, noise), runs, [OURS])[OURS]
            hits = sorted(one[MATTERS] for one in every_run if MATTERS in one)
            median = str(hits[len(hits) // 2]) if len(hits) > runs / 2 else "-"
            wrong = sum(any(name != MATTERS for name in one) for one in every_run)
            lines.append(
                f"| {rate:.0%} | {noise:.0%} | {_share(len(hits), runs)} | {median} | {_share(wrong, runs)} |"
            )
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    low, high = wilson(part, whole)
    return f"{part / whole:.1%} ({low:.1%}–{high:.1%})"  # noqa: RUF001 - a range


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.bias", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove that it runs; write nothing")
    options = parser.parse_args(arguments)
    text = report(10 if options.quick else RUNS)
    if not options.quick:
        OUTPUT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
