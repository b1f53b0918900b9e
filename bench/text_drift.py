"""`python -m bench.text_drift`: drift of what is found in texts: false alarms, changes found, cost.

The sidecar's own code on real texts and the operator's own on what it counts (see `bench/drifting/texts.py`),
beside how categories are commonly compared. Writes `bench/results/text_drift.json` and `text_drift.md` and
prints the tables. `--quick` only proves that it runs. Costs are CPU time of this thread, medians of rounds in
which all parts are timed in turn, on text of 1 KB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from bench.comparison import digits
from bench.detection import benign
from bench.drifting.categories import PEERS
from bench.drifting.outcome import poisson, wilson
from bench.drifting.replay import ADMIXTURES, OURS, TRIAL_WINDOWS, Episodes
from bench.drifting.texts import CODE, FEATURES, LANGUAGE, Sessions, translated
from bench.measure import machine
from bench.results import DIRECTORY, Run, keep, today

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.features import LANGUAGE_CODES, FeatureCounts
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.judge import learn
from llmmonitor_operator.drift.watch import DriftSettings, Watch, stepped
from llmmonitor_operator.drift.window import Window, joined, summed
from llmmonitor_sidecar.detectors.finding import Heard
from llmmonitor_sidecar.detectors.inspect import Inspection
from llmmonitor_sidecar.detectors.refusals import is_refusal
from llmmonitor_sidecar.detectors.repetition import loops
from llmmonitor_sidecar.detectors.said import Message
from llmmonitor_sidecar.signals.features import Features
from llmmonitor_sidecar.text_features.character_classes import character_classes
from llmmonitor_sidecar.text_features.languages import language
from llmmonitor_sidecar.text_features.vocabulary import Vocabulary
from llmmonitor_sidecar.text_features.words import words

CORRELATIONS, STREAMS, TRIALS, ROUNDS = (0.0, 0.5, 0.9), 2, 6, 15
BEGIN, WEEK_HOURS = 1_800_000_000.0, 168
SETTINGS = DriftSettings(features=FEATURES)
KILOBYTE = 1024
BUDGET_MICROSECONDS = 150.0
_LANGUAGES = {
    **{name: name for name in ("de", "fr", "es", "it", "nl", "pl", "tr", "vi", "id", "sv", "cs", "ro")},
    **{name: name for name in ("ja", "ko", "ru", "uk", "ar", "fa", "he", "el", "hi", "bn", "ta", "te", "th")},
    "pt": "pt_BR",
    "zh": "zh_Hans",
}
"""By code: Django's name of the translation."""
_UNTOLD = ("latin", "code", "other", "cyrillic")
METHOD = {
    "texts": (
        "those of the bench of detectors (`requirements/detectors.txt`, licences there), fifteen sources of "
        "English and Chinese requests and a tenth of German, French, Spanish and Portuguese; real texts of "
        "requests, no real conversations: sessions are synthetic, `texts:C` stays within a session's source "
        "with probability C"
    ),
    "windows": "500 requests an hour; one week is learnt, two are judged; two windows in a row are an alarm",
    "changes": (
        f"a share of the requests is {LANGUAGE} (Italian, Dutch, Polish, Turkish, Russian, Korean) or is "
        f"{CODE} (Python's library, issues with code); followed for {TRIAL_WINDOWS} windows"
    ),
    "others": (
        "each window against the whole week, one is enough; on the same categories. A procedure that alarms "
        "all the time has few episodes and finds everything at once: read it beside its windows in alarm"
    ),
}


class Row(msgspec.Struct, kw_only=True):
    """One figure."""

    stream: str
    name: str
    change: str = ""
    feature: str
    n: int
    ours: float
    interval: tuple[float, float] | None = None
    delay: float | None = None
    peers: dict[str, float] = {}


class Told(msgspec.Struct):
    """How often a language is told."""

    language: str
    n: int
    right: int
    untold: int
    """Taken for no language, or for none of its script."""


class Cost(msgspec.Struct):
    """CPU time for 1 KB."""

    part: str
    microseconds: float
    spread: float
    n: int


class Results(Run, kw_only=True):
    """The content of `text_drift.json`."""

    figures: list[Row]
    languages: list[Told]
    costs: list[Cost]


class Operator:
    """One monitor's drift, as `reconcile/` drives it."""

    def __init__(self, watch: Watch, baseline: Baseline) -> None:
        self.watch, self.baseline = watch, baseline

    def take(self, end: float, counts: FeatureCounts) -> Window:
        """An hour, which is a window."""
        window = joined(self.watch.open, counts, end - 3_600, end)
        watch = msgspec.structs.replace(self.watch, open=window)
        self.watch, self.baseline = stepped(watch, self.baseline, SETTINGS)
        if self.baseline.learning_due(SETTINGS.min_seconds):
            known = learn(self.baseline, SETTINGS.judged)
            self.baseline = msgspec.structs.replace(self.baseline, learnt=known)
        return window


def stream(correlation: float, seed: int, trials: int, found: dict[str, list[dict[str, object]]]) -> None:
    """Learn, judge undisturbed, and follow every change."""
    operator, week = Operator(Watch(), Baseline()), []
    hours = Sessions(correlation, seed).hours(BEGIN, 3 * WEEK_HOURS + 1)
    for (end, counts), _ in zip(hours, range(WEEK_HOURS + 1), strict=False):
        operator.take(end, counts)
        week.append(counts.counts)
    whole = summed(week)
    known = operator.watch, operator.baseline
    episodes = {name: {one: Episodes() for one in ("any", *FEATURES)} for name in (OURS, *PEERS)}
    alarmed: dict[str, dict[str, int]] = {name: dict.fromkeys(by, 0) for name, by in episodes.items()}
    for end, counts in hours:
        for name, alarms in _alarms(operator, operator.take(end, counts), whole).items():
            for one, counter in episodes[name].items():
                alarm = bool(alarms) if one == "any" else one in alarms
                counter.look(end, alarm=alarm)
                alarmed[name][one] += alarm
    found["alarmed"].append(dict(alarmed))
    found["quiet"].append({name: {one: e.number for one, e in by.items()} for name, by in episodes.items()})
    for added in (LANGUAGE, CODE):
        for share in ADMIXTURES:
            for trial in range(trials):
                changed = Sessions(correlation, seed, added, share)
                changed.begin_anew(trial)
                watch = msgspec.structs.replace(known[0], open=Window(), tracks={})
                first = _followed(Operator(watch, known[1]), changed, whole)
                found[f"{100 * share:g} % {added}"].append(dict(first))


def _followed(
    operator: Operator, changed: Sessions, whole: Mapping[str, Mapping[int, int]]
) -> dict[str, dict[str, int]]:
    """By procedure and feature: the window that first alarmed."""
    begin = BEGIN + 3_600.0 * (WEEK_HOURS + 1)
    first: dict[str, dict[str, int]] = {name: {} for name in (OURS, *PEERS)}
    for number, (end, counts) in enumerate(changed.hours(begin, TRIAL_WINDOWS), 1):
        for name, alarms in _alarms(operator, operator.take(end, counts), whole).items():
            for feature in (*alarms, *(["any"] if alarms else [])):
                first[name].setdefault(feature, number)
    return first


def _alarms(
    operator: Operator, window: Window, whole: Mapping[str, Mapping[int, int]]
) -> dict[str, set[str]]:
    others = {
        name: {one for one in FEATURES if alarms(window.counts[one], whole[one])}
        for name, alarms in PEERS.items()
    }
    return {OURS: set(operator.watch.alarms), **others}


def rows(kind: str, found: Mapping[str, list[dict[str, object]]], weeks: float) -> list[Row]:
    """Of all streams of a kind."""
    result = []
    for feature in ("any", *FEATURES):
        totals = {name: sum(one[name][feature] for one in found["quiet"]) for name in (OURS, *PEERS)}  # type: ignore[index]
        windows = round(weeks * WEEK_HOURS)
        shares = {name: sum(one[name][feature] for one in found["alarmed"]) / windows for name in totals}  # type: ignore[index]
        low, high = poisson(totals[OURS], weeks)
        result.append(
            Row(
                stream=kind,
                name="false-alarm episodes a week (n: weeks)",
                feature=feature,
                n=round(weeks),
                ours=digits(totals[OURS] / weeks),
                interval=(digits(low), digits(high)),
                peers={name: digits(totals[name] / weeks) for name in PEERS},
            )
        )
        result.append(
            Row(
                stream=kind,
                name="share of windows in false alarm",
                feature=feature,
                n=windows,
                ours=digits(shares[OURS]),
                interval=wilson(shares[OURS], windows),
                peers={name: digits(shares[name]) for name in PEERS},
            )
        )
    for change, trials in found.items():
        if change in {"quiet", "alarmed"}:
            continue
        for feature in ("any", *FEATURES):
            delays = {name: [one[name].get(feature) for one in trials] for name in (OURS, *PEERS)}  # type: ignore[attr-defined]
            hits = [one for one in delays[OURS] if one is not None]
            n = len(trials)
            result.append(
                Row(
                    stream=kind,
                    name="found",
                    change=change,
                    feature=feature,
                    n=n,
                    ours=digits(len(hits) / n),
                    interval=wilson(len(hits) / n, n),
                    delay=statistics.median(hits) if hits else None,
                    peers={name: digits(sum(d is not None for d in delays[name]) / n) for name in PEERS},
                )
            )
    return result


def languages_told() -> list[Told]:
    """On every translation."""
    result = []
    for code, name in _LANGUAGES.items():
        said = [LANGUAGE_CODES[language(text, words(text))] for text in translated(name)]
        result.append(Told(code, len(said), said.count(code), sum(said.count(one) for one in _UNTOLD)))
    english = [
        one.text for one in benign.tested_on() if one.source in {"imdb", "TruthfulQA", "PubMedQA/pqaa"}
    ]
    said = [LANGUAGE_CODES[language(text, words(text))] for text in english]
    return [Told("en", len(said), said.count("en"), sum(said.count(one) for one in _UNTOLD)), *result]


def costs() -> list[Cost]:
    """Half a kilobyte asked, half a kilobyte answered."""
    texts = [one.text for one in benign.tested_on() if len(one.text) >= KILOBYTE][:400]
    halves = [(text[: KILOBYTE // 2], text[KILOBYTE // 2 : KILOBYTE]) for text in texts[::4]]
    features = Features(FeatureCounts())
    features.count_words_by("bench", b"k" * 32)
    heard = [Heard(context=(Message(Origin.USER, a),), answers=(b,), complete=True) for a, b in halves]
    found = [(text, words(text)) for pair in halves for text in pair]
    by_key = Vocabulary(b"k" * 32)
    parts: dict[str, Callable[[], object]] = {
        "all that is added to the detectors": lambda: _looked_at(features, heard),
        "words, for the next two": lambda: [words(text) for text, _ in found],
        "Languages": lambda: [language(text, some) for text, some in found],
        "Vocabulary": lambda: [by_key.buckets(some) for _, some in found],
        "CharacterClasses": lambda: [character_classes(text) for text, _ in found],
        "Refusal (the detector's own work)": lambda: [is_refusal(b) for _, b in halves],
        "Repetition (the same)": lambda: [loops(b) for _, b in halves],
    }
    rounds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, work in parts.items():
            began = time.thread_time_ns()
            work()
            rounds[name].append((time.thread_time_ns() - began) / 1_000 / len(halves))
    result = []
    for name, taken in rounds.items():
        middle = statistics.median(taken)
        spread = statistics.median(abs(one - middle) for one in taken)
        result.append(Cost(name, round(middle, 1), round(spread, 1), len(halves) * ROUNDS))
    return result


def _looked_at(features: Features, heard: Sequence[Heard]) -> None:
    nothing = Inspection(frozenset(), frozenset(), cut_short=False)
    for one in heard:
        features.looked_at(one, nothing)


def run(correlations: Sequence[float], streams: int, trials: int) -> Results:
    """All of it."""
    described, commit, began = machine.describe(), machine.commit(), time.monotonic()
    taken, told = costs(), languages_told()
    figures = []
    for correlation in correlations:
        found: dict[str, list[dict[str, object]]] = {"quiet": [], "alarmed": []}
        found |= {f"{100 * share:g} % {added}": [] for added in (LANGUAGE, CODE) for share in ADMIXTURES}
        for seed in range(streams):
            stream(correlation, 1_000 + seed, trials, found)
            words_ = f"texts:{correlation:g} {seed}: {time.monotonic() - began:.0f} s"
            print(words_, file=sys.stderr, flush=True)
        figures += rows(f"texts:{correlation:g}", found, 2.0 * streams)
    scale = f"{streams} streams of each kind, {trials} times every change"
    return Results(
        machine=described,
        commit=commit,
        date=today(),
        method=METHOD | {"scale": f"{scale}; took {time.monotonic() - began:.0f} s"},
        figures=figures,
        languages=told,
        costs=taken,
    )


def markdown(found: Results) -> str:
    """Four tables."""
    of = found.machine
    where = f"{of.cpu_model}, {of.cores} cores, Python {of.python}, load {of.load_average_before:g}"
    peers = " | ".join(PEERS)
    lines = ["# Benchmark: drift of texts", "", f"{where}; commit {found.commit}, {found.date}.", ""]
    lines += [f"- {key}: {value}" for key, value in found.method.items()]
    lines += ["", "## Without a change", "", f"| stream | figure | feature | n | ours [95 %] | {peers} |"]
    lines += ["|---|---|---|---:|---:|" + "---:|" * len(PEERS)]
    for row in found.figures:
        if not row.change:
            cells = (row.stream, row.name, row.feature, str(row.n), _ours(row), _others(row))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Changes found", ""]
    lines += [f"Share found within {TRIAL_WINDOWS} windows [95 %]; median windows until then.", ""]
    lines += [
        f"| stream | change | by | n | ours | {peers} |",
        "|---|---|---|---:|---:|" + "---:|" * len(PEERS),
    ]
    for row in found.figures:
        if row.change:
            delay = "" if row.delay is None else f"; {row.delay:g}"
            cells = (row.stream, row.change, row.feature, str(row.n), _ours(row) + delay, _others(row))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Languages told", "", "Texts of six sentences of user interfaces (English: prose).", ""]
    lines += ["| language | texts | right | not told | taken for another |", "|---|---:|---:|---:|---:|"]
    for told in found.languages:
        wrong = told.n - told.right - told.untold
        lines.append(f"| {told.language} | {told.n} | {told.right} | {told.untold} | {wrong} |")
    lines += ["", "## Cost", "", "For an exchange of 1 KB, half of it asked and half answered.", ""]
    lines += ["| part | µs | median deviation | exchanges |", "|---|---:|---:|---:|"]
    lines += [f"| {one.part} | {one.microseconds:g} | {one.spread:g} | {one.n} |" for one in found.costs]
    return "\n".join(lines) + "\n"


def _ours(row: Row) -> str:
    return (
        f"{row.ours:g}"
        if row.interval is None
        else f"{row.ours:g} [{row.interval[0]:g}, {row.interval[1]:g}]"
    )


def _others(row: Row) -> str:
    return " | ".join(f"{row.peers[name]:g}" for name in PEERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.text_drift", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    parser.add_argument("--streams", type=int, default=STREAMS, help="of each kind")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of every change, for each stream")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    correlations: Sequence[float] = CORRELATIONS
    if options.quick:
        correlations, options.streams, options.trials = (0.5,), 1, 1
    found = run(correlations, options.streams, options.trials)
    if options.output is not None or not options.quick:
        keep("text_drift", found, markdown(found), options.output or DIRECTORY)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
