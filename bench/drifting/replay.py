"""One stream through the operator's own code and through what others do, undisturbed and with admixtures.

A week is learnt from, the rest is judged window after window. Admixtures begin at random moments of the
rest: from there on a share of the requests is of code completion (Azure's trace, `bench/data/`), or answers
are of another model (their tokens doubled); each is followed for TRIAL_WINDOWS windows.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
from bench.drifting.others import PROCEDURES
from bench.drifting.streams import FEATURES, MINUTE, Minute, Request, Service, Sessions, counted

from llmmonitor_api.report.features import LARGEST_BUCKET, NUMERIC, bucket_of
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.judge import GIVEN_INPUT, learn
from llmmonitor_operator.drift.watch import DriftSettings, Watch, stepped, suspects_model
from llmmonitor_operator.drift.window import Window, joined

OURS = "ours"
ADMIXTURES = (0.05, 0.1, 0.2, 0.5)
MODEL = "another model, answers twice as long"
TRIAL_WINDOWS = 6
SETTINGS = DriftSettings(features=FEATURES)
JUDGED = (*FEATURES, GIVEN_INPUT)
_WEEK = 7 * 86_400
_QUIET_SECONDS = 3_600.0
"""Alarms less than this apart are one episode."""
_CODE = Path(__file__).parents[1] / "data" / "azure_llm_code.csv.gz"
_CODE_PARAMETERS = 0b101001


@dataclass(slots=True)
class Episodes:
    """Alarms of one procedure, those close together counted once."""

    number: int = 0
    _until: float = -1e18

    def look(self, at: float, *, alarm: bool) -> None:
        """What a window that ended at `at` said."""
        if alarm:
            self.number += at - self._until > _QUIET_SECONDS
            self._until = at


class Found(msgspec.Struct):
    """What came of one stream."""

    kind: str
    weeks: float
    """Judged."""
    windows: int
    hours_a_window: float
    episodes: dict[str, dict[str, int]]
    """By procedure, then by feature and for `any`."""
    alarmed: dict[str, int]
    """By procedure: windows in alarm for any feature."""
    delays: dict[str, dict[str, dict[str, list[float | None]]]]
    """By disturbance, procedure, feature or `any`: windows to the alarm; None: not within TRIAL_WINDOWS."""
    said: dict[str, dict[str, int]]
    """By disturbance: how often its first alarm said what of the cause."""
    overdispersion: dict[str, float]
    """By feature, of the last window."""
    found_from: dict[str, float]


@dataclass(slots=True)
class Operator:
    """One monitor's drift, as `reconcile/` drives it."""

    watch: Watch = field(default_factory=Watch)
    baseline: Baseline = field(default_factory=Baseline)

    def take(self, minute: Minute, before: float) -> Window | None:
        """What happened in a minute; the window that it closed."""
        window = joined(
            self.watch.open, counted(minute.requests), max(before, minute.end - MINUTE), minute.end
        )
        watch = msgspec.structs.replace(self.watch, open=window)
        self.watch, self.baseline = stepped(watch, self.baseline, SETTINGS)
        if self.baseline.learning_due(SETTINGS.min_seconds):
            known = learn(self.baseline, FEATURES)
            self.baseline = msgspec.structs.replace(self.baseline, learnt=known)
        return window if self.watch is not watch else None


def replay(kind: str, seed: int, trials: int) -> Found:
    """One stream of this kind."""
    minutes = list(_stream(kind, seed))
    first = next(place for place, one in enumerate(minutes) if one.end - minutes[0].end >= _WEEK + 3_600)
    learning, rest = minutes[:first], minutes[first:]
    operator, whole = Operator(), {}
    before = minutes[0].end - MINUTE
    for minute in learning:
        operator.take(minute, before)
        before = minute.end
    for place, feature in enumerate(FEATURES):
        whole[feature] = _buckets(one for minute in learning for one in minute.requests[:50])[place]
    found = Found(
        kind,
        (rest[-1].end - before) / _WEEK,
        0,
        0.0,
        {},
        dict.fromkeys((OURS, *PROCEDURES), 0),
        {},
        {},
        {},
        {},
    )
    _undisturbed(found, Operator(operator.watch, operator.baseline), rest, before, whole)
    draw = random.Random(seed)
    for name in (*map(_percent, ADMIXTURES), MODEL):
        for _ in range(trials):
            at = draw.randrange(len(rest) - len(rest) // 8)
            _trial(found, name, operator, disturbed(rest[at:], name, draw), whole)
    return found


def _percent(share: float) -> str:
    return f"{100 * share:g} % of the requests are code completion"


def _stream(kind: str, seed: int) -> Iterator[Minute]:
    name, _, number = kind.partition(":")
    if name == "clients":
        return Service(seed, int(number)).in_order()
    return Sessions(float(number), 20.0, seed).minutes(21)


def _undisturbed(
    found: Found, operator: Operator, rest: Sequence[Minute], before: float, whole: dict[str, dict[int, int]]
) -> None:
    episodes = {name: {one: Episodes() for one in ("any", *JUDGED)} for name in (OURS, *PROCEDURES)}
    for minute in rest:
        window = operator.take(minute, before)
        before = minute.end
        if window is None:
            continue
        found.windows += 1
        for name, alarms in _alarms(operator.watch, window, whole).items():
            found.alarmed[name] += bool(alarms)
            episodes[name]["any"].look(window.end, alarm=bool(alarms))
            for feature in JUDGED:
                episodes[name][feature].look(window.end, alarm=feature in alarms)
    found.hours_a_window = found.weeks * _WEEK / 3_600 / max(1, found.windows)
    found.episodes = {
        name: {one: count.number for one, count in by.items() if name == OURS or one in (*NUMERIC, "any")}
        for name, by in episodes.items()
    }
    tracks = operator.watch.tracks
    found.overdispersion = {name: track.score.overdispersion for name, track in tracks.items()}
    found.found_from = {name: track.score.found_from for name, track in tracks.items()}


def _alarms(watch: Watch, window: Window, whole: dict[str, dict[int, int]]) -> dict[str, set[str]]:
    result = {OURS: set(watch.alarms)}
    for name, alarms in PROCEDURES.items():
        numeric = [feature for feature in FEATURES if feature in NUMERIC and feature in window.counts]
        result[name] = {one for one in numeric if alarms(window.counts[one], whole[one])}
    return result


def _trial(
    found: Found, name: str, operator: Operator, minutes: Iterator[Minute], whole: dict[str, dict[int, int]]
) -> None:
    """Args: minutes: from the begin of the disturbance on, disturbed already."""
    one = Operator(msgspec.structs.replace(operator.watch, open=Window(), tracks={}), operator.baseline)
    first: dict[str, dict[str, int]] = {peer: {} for peer in (OURS, *PROCEDURES)}
    windows, said = 0, ""
    for windows, window in _windows(one, minutes):
        for peer, alarms in _alarms(one.watch, window, whole).items():
            for feature in (*alarms, *(("any",) if alarms else ())):
                first[peer].setdefault(feature, windows)
        if one.watch.alarms and not said:
            said = cause(one.watch)
    if windows < TRIAL_WINDOWS:
        return
    if said:
        by = found.said.setdefault(name, {})
        by[said] = by.get(said, 0) + 1
    delays = found.delays.setdefault(name, {peer: {} for peer in first})
    for peer, by_feature in delays.items():
        for feature in ("any", *(JUDGED if peer == OURS else NUMERIC)):
            by_feature.setdefault(feature, []).append(first[peer].get(feature))


def _windows(operator: Operator, minutes: Iterator[Minute]) -> Iterator[tuple[int, Window]]:
    """The first TRIAL_WINDOWS windows that close, numbered from 1."""
    before, number = 0.0, 0
    for minute in minutes:
        window = operator.take(minute, before)
        before = minute.end
        if window is not None:
            number += 1
            yield number, window
            if number == TRIAL_WINDOWS:
                return


def cause(watch: Watch) -> str:
    """What the condition would say of the cause."""
    return "suspect the model" if suspects_model(watch) else "cannot tell"


def disturbed(minutes: Sequence[Minute], name: str, draw: random.Random) -> Iterator[Minute]:
    """The same with some requests replaced, or with other answers."""
    for minute in minutes:
        if name == MODEL:
            longer = [(one[0], min(LARGEST_BUCKET, one[1] + 2), *one[2:]) for one in minute.requests]
            yield Minute(minute.end, longer)
            continue
        share = float(name.partition(" ")[0]) / 100
        mixed = [_code_request(draw) if draw.random() < share else one for one in minute.requests]
        yield Minute(minute.end, mixed)


def _code_request(draw: random.Random) -> Request:
    prompt, completion = draw.choice(_code())
    return prompt, completion, bucket_of(1), _CODE_PARAMETERS, 0


@cache
def _code() -> list[tuple[int, int]]:
    with gzip.open(_CODE, "rt") as text:
        rows = csv.DictReader(text)
        return [
            (bucket_of(int(row["ContextTokens"])), bucket_of(int(row["GeneratedTokens"]))) for row in rows
        ]


def _buckets(requests: Iterable[Request]) -> list[dict[int, int]]:
    result: list[dict[int, int]] = [{} for _ in FEATURES]
    for one in requests:
        for place, bucket in enumerate(one):
            result[place][bucket] = result[place].get(bucket, 0) + 1
    return result
