"""From window to window: what is being filled, what the last one said, and which features have an alarm.

A feature's alarm begins with the second window in a row above its threshold, since when the first of them
began, and ends with the second in a row that is not. All of it is in the monitor's state; the baseline,
which is larger, is kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from llmmonitor_api.report.features import COMPANIONS
from llmmonitor_api.spec.drift import DriftFeature
from llmmonitor_operator.drift.baseline import Baseline, grown
from llmmonitor_operator.drift.judge import GIVEN_INPUT, OUTPUT, Score, scores
from llmmonitor_operator.drift.window import Window, closed

IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """What the owner wants."""

    window: int = 500
    """Requests."""
    min_seconds: float = 7 * 86_400.0
    """That a baseline spans at least."""
    features: tuple[str, ...] = tuple(feature.value for feature in DriftFeature)
    """Those that the spec names."""
    vocabulary_key: str = ""
    """By which words are put into buckets; empty: not known, or they are not counted."""

    @property
    def judged(self) -> tuple[str, ...]:
        """The same, and of answers what is asked of requests."""
        return (*self.features, *(COMPANIONS[one] for one in self.features if one in COMPANIONS))


class Track(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature."""

    score: Score
    """In the last window in which it was known."""
    at: float
    """When that ended."""
    over_since: float | None = None
    """When the first of the windows in a row above the threshold began."""
    over: int = 0
    """How many they are."""
    under: int = 0
    """Windows in a row that are not above it, during an alarm."""
    alarm_since: float | None = None


class Watch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered; `Watch()` has seen nothing."""

    open: Window = Window()
    """What is being filled."""
    tracks: dict[str, Track] = {}
    """By feature."""
    window_at: float = 0.0
    """When the last window ended; 0 before the first."""
    window_seconds: float = 0.0
    """How long it took to fill."""
    baseline_seconds: float = 0.0
    """That the baseline spans."""
    baseline_windows: int = 0
    """Taken in."""
    baseline_requests: int = 0
    judging: bool = False
    """Whether the last window was judged; else its scores are provisional."""
    window_requests: int = 0
    """That were in it."""
    window_texts: int = 0
    """Those of them of which the text was looked at."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """The features that have one."""
        return tuple(name for name, track in self.tracks.items() if track.alarm_since is not None)


def stepped(watch: Watch, baseline: Baseline, settings: DriftSettings) -> tuple[Watch, Baseline]:
    """Both after the open window, if it is full; the same objects if it is not."""
    if watch.open.requests < settings.window:
        return watch, baseline
    key = settings.vocabulary_key or baseline.vocabulary_key
    if baseline.window != settings.window or baseline.vocabulary_key not in {"", key}:
        watch, baseline = _without_alarms(watch), Baseline(accepted=baseline.accepted, window=settings.window)
    if baseline.vocabulary_key != key:
        baseline = msgspec.structs.replace(baseline, vocabulary_key=key)
    window = closed(watch.open)
    found = scores(window, baseline, settings.judged) if baseline.taken_in else {}
    tracks = {name: _tracked(watch.tracks.get(name), score, window) for name, score in found.items()}
    tracks = {name: track for name, track in watch.tracks.items() if name in settings.judged} | tracks
    unusual = any(track.over or track.alarm_since is not None for track in tracks.values())
    baseline = grown(baseline, window, usual=not unusual)
    return msgspec.structs.replace(
        watch,
        open=Window(),
        tracks=tracks,
        window_at=window.end,
        window_seconds=window.end - window.begin,
        baseline_seconds=baseline.seconds,
        baseline_windows=baseline.taken_in,
        baseline_requests=baseline.requests,
        judging=baseline.learnt is not None,
        window_requests=window.requests,
        window_texts=window.texts,
    ), baseline


def accepted(word: str) -> tuple[Watch, Baseline]:
    """Both after the owner said that what is now is the new normal: all is learnt anew from now on."""
    return Watch(), Baseline(accepted=word)


def suspects_model(watch: Watch) -> bool:
    """Whether answers moved for the like of what was asked, and nothing moved in what was asked.

    What no feature tells may still have changed in the requests: it is a suspicion, not a finding.
    """
    return GIVEN_INPUT in watch.alarms and not input_moved(watch)


def input_moved(watch: Watch) -> bool:
    """Whether any feature of what is asked is over its threshold in the last window."""
    return any(track.score.over for name, track in watch.tracks.items() if name not in OUTPUT)


def _without_alarms(watch: Watch) -> Watch:
    return msgspec.structs.replace(watch, tracks={})


def _tracked(before: Track | None, score: Score, window: Window) -> Track:
    if before is None:
        before = Track(score, window.end)
    if score.over:
        over, since = before.over + 1, before.over_since if before.over else window.begin
        alarm = before.alarm_since
        if alarm is None and over >= IN_A_ROW:
            alarm = since
        return Track(score, window.end, over_since=since, over=over, alarm_since=alarm)
    under = before.under + 1 if before.alarm_since is not None else 0
    alarm = None if under >= IN_A_ROW else before.alarm_since
    return Track(score, window.end, under=under if alarm is not None else 0, alarm_since=alarm)
