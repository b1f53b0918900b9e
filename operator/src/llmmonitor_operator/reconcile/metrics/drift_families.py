"""The metric families of drift: each feature's last window beside its threshold, and its alarms.

Without a threshold a score is provisional: the baseline is still being learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.drift.watch import Track, Watch

Key = tuple[str, str]
Samples = Iterable[tuple[tuple[str, ...], float]]
Gauge = Callable[[str, str, tuple[str, ...], Samples], Metric]
"""Makes a family of name, text, labels beside the monitor's, and samples."""


def drift_families(watches: Mapping[Key, Watch], gauge: Gauge) -> Iterator[Metric]:
    """All of them; those without samples too."""
    tracks = [((*key, name), one) for key, watch in watches.items() for name, one in watch.tracks.items()]
    judged = [(labels, one) for labels, one in tracks if one.score.threshold is not None]
    yield _of(gauge, "score", "Population stability index of the last window, by feature.", tracks, _psi)
    yield _of(gauge, "threshold", "The score above which two windows in a row are drift.", judged, _threshold)
    yield _of(
        gauge,
        "overdispersion",
        "How many times as large a score is by chance as that of independent requests.",
        judged,
        _overdispersion,
    )
    yield _of(gauge, "alarm", "1 while a feature has drifted, 0 while it has not.", judged, _alarm)
    yield gauge(
        "drift_window_end_timestamp_seconds",
        "When the last window ended, in Unix seconds.",
        (),
        ((key, watch.window_at) for key, watch in watches.items() if watch.window_at),
    )


def _of(
    gauge: Gauge,
    name: str,
    text: str,
    tracks: Iterable[tuple[tuple[str, ...], Track]],
    value: Callable[[Track], float],
) -> Metric:
    return gauge(f"drift_{name}", text, ("feature",), ((labels, value(one)) for labels, one in tracks))


def _psi(track: Track) -> float:
    return track.score.psi


def _threshold(track: Track) -> float:
    return track.score.threshold or 0.0


def _overdispersion(track: Track) -> float:
    return track.score.overdispersion


def _alarm(track: Track) -> float:
    return float(track.alarm_since is not None)
