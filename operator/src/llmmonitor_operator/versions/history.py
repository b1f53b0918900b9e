"""Which versions of the model ran, when, and which runs where: what a change of the model is told by.

What a pod's fingerprint lacks differs from nothing: a pod whose engine has not answered yet is taken for the
version that it may be, as long as there is one only. So a version is begun by a known difference, never by
something not known. Its name is of what was known when it began, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from llmmonitor_api.shortened import shortened
from llmmonitor_api.spec.versions import VersionSource
from llmmonitor_operator.versions.comparison import Comparison
from llmmonitor_operator.versions.fingerprint import IMAGE, LABEL, OTHER_ARGUMENTS, Parts, differ, name_of
from llmmonitor_operator.windows import Count, add_counts

VERSIONS_LIMIT = 10
"""That are remembered; the one seen longest ago goes. As many as the status shows."""
PARTS_LIMIT = 64
PAST_LIMIT = 30
WHAT_LIMIT = 240
"""Characters of what differs."""
HOURS_LIMIT = 24
"""The newest hours of a version whose events are kept apart."""
_HOUR_SECONDS = 3600


class Version(msgspec.Struct, frozen=True):
    """One version."""

    name: str
    parts: dict[str, str]
    first_seen: float
    """Unix seconds."""
    last_seen: float
    requests: int = 0
    """Answered, or failed."""
    hours: dict[str, dict[int, Count]] = {}
    """Events by objective key, then hour since 1970."""


class ModelChange(msgspec.Struct, frozen=True, array_like=True):
    """A change of the model as it is remembered."""

    at: float
    """Unix seconds."""
    pod: str
    """The first on which it was seen."""
    before: str
    """Names of versions."""
    after: str
    what: str
    """What differs, cut."""


class History(msgspec.Struct, frozen=True):
    """All of them; `History()` has seen none."""

    by: str = ""
    """A `VersionSource`: with another one it begins anew."""
    label: str = ""
    versions: tuple[Version, ...] = ()
    """By when they were first seen."""
    running: dict[str, str] = {}
    """Names by the UIDs of the pods that run them."""
    comparison: Comparison | None = None
    """Of the last two that ran side by side, as far as clients can be told apart."""
    changes: int = 0
    changed_at: float | None = None
    """When the model changed last (Unix seconds): whoever checks a model anew does it from then on."""
    past: tuple[ModelChange, ...] = ()
    """The newest changes, the last of them last."""

    def get(self, name: str) -> Version | None:
        """One of them."""
        return next((one for one in self.versions if one.name == name), None)


class Seen(msgspec.Struct, frozen=True):
    """One pod whose report is fresh, and what is known of its version."""

    uid: str
    name: str
    parts: Parts


@dataclass(frozen=True, slots=True)
class Change:
    """A version that ran nowhere a moment ago runs on a pod."""

    pod: str
    before: Version
    after: Version

    @property
    def text(self) -> str:
        """For people: `version a → b on pod x: --quantization awq → fp8, image …`."""
        return f"version {self.before.name} → {self.after.name} on pod {self.pod}: {self.what}"

    @property
    def what(self) -> str:
        """What differs: `--quantization awq → fp8, image …`."""
        names = differ(self.before.parts, self.after.parts)
        words = [_difference(name, self.before.parts[name], self.after.parts[name]) for name in names]
        return ", ".join(words) or "what differs is not known"

    def remembered(self, now: float) -> ModelChange:
        """As it is kept."""
        what = shortened(self.what, WHAT_LIMIT)
        return ModelChange(now, self.pod, self.before.name, self.after.name, what)


def looked(
    history: History, pods: Sequence[Seen], now: float, by: VersionSource, label: str = ""
) -> tuple[History, tuple[Change, ...]]:
    """The history with what runs now, and the changes since the last look.

    Args:
        history: so far.
        pods: those that were heard of lately; pods that were not are taken for gone.
        now: Unix seconds.
        by: what tells versions apart.
        label: which, for by Label.
    """
    if (history.by, history.label) != (by.value, label):
        history = begun_anew(history, by.value, label)
    versions = {one.name: one for one in history.versions}
    running: dict[str, str] = {}
    changes: list[Change] = []
    for pod in pods:
        if again := _seen_again(versions, history.running.get(pod.uid, ""), pod.parts, now):
            running[pod.uid] = again
            continue
        if not pod.parts:
            if pod.uid in history.running:
                running[pod.uid] = history.running[pod.uid]
            continue
        name = _which(versions, history.running.get(pod.uid, ""), pod.parts)
        if name is None:
            continue
        if not name:
            name = _unused(name_of(pod.parts, by), versions)
            versions[name] = Version(name, {}, now, now)
        known = versions[name]
        merged = dict(list({**pod.parts, **known.parts}.items())[:PARTS_LIMIT])
        versions[name] = msgspec.structs.replace(known, parts=merged, last_seen=now)
        running[pod.uid] = name
        before = _latest(versions, history)
        if before and name not in {
            *history.running.values(),
            *(one.after.name for one in changes),
            before.name,
        }:
            changes.append(Change(pod.name, before, versions[name]))
    if not running and not pods:
        return history, ()  # nobody is heard of: what runs is not known, and no change of the model
    kept = sorted(versions.values(), key=lambda one: (one.name in running.values(), one.last_seen))
    newest = sorted(kept[-VERSIONS_LIMIT:], key=lambda one: (one.first_seen, one.name))
    return msgspec.structs.replace(
        history,
        versions=tuple(newest),
        running=running,
        changes=history.changes + len(changes),
        changed_at=now if changes else history.changed_at,
        past=(*history.past, *(one.remembered(now) for one in changes))[-PAST_LIMIT:],
    ), tuple(changes)


def newest_running(history: History) -> Version | None:
    """Of the versions that run, the one that was first seen last."""
    running = {*history.running.values()}
    return max(
        (one for one in history.versions if one.name in running),
        key=lambda one: (one.first_seen, one.name),
        default=None,
    )


def pods_of_older(history: History) -> frozenset[str]:
    """UIDs of the pods that are known to run an older version than another does."""
    newest = newest_running(history) if len(history.versions) > 1 else None
    if newest is None:
        return frozenset()
    return frozenset(uid for uid, name in history.running.items() if name != newest.name)


def begun_anew(history: History, by: str, label: str) -> History:
    """Without any version, but with what was said of changes."""
    return History(
        by=by, label=label, changes=history.changes, changed_at=history.changed_at, past=history.past
    )


def compared(history: History) -> tuple[Version, Version] | None:
    """The newest version that runs, after the one beside it, else the one that ran last; None without."""
    now = [one for one in history.versions if one.name in history.running.values()]
    if not now or len(history.versions) == 1:
        return None
    newer = max(now, key=lambda one: (one.first_seen, one.name))
    others = [one for one in now if one is not newer] or [one for one in history.versions if one is not newer]
    return max(others, key=lambda one: (one.last_seen, one.first_seen, one.name)), newer


def counted(history: History, happened: Mapping[str, tuple[int, Mapping[str, Count]]], now: float) -> History:
    """The history with requests and objectives' events by pod UID, as far as it is known what runs there."""
    requests: dict[str, int] = {}
    events: dict[str, dict[str, Count]] = {}
    for uid, (number, counts) in happened.items():
        name = history.running.get(uid, "")
        if number or counts:
            requests[name] = requests.get(name, 0) + number
            add_counts(events.setdefault(name, {}), counts.items())
    if not any(one.name in requests for one in history.versions):
        return history
    versions = (
        _with(one, requests[one.name], events[one.name], now) if one.name in requests else one
        for one in history.versions
    )
    return msgspec.structs.replace(history, versions=tuple(versions))


def _with(version: Version, requests: int, events: Mapping[str, Count], now: float) -> Version:
    hour = int(now // _HOUR_SECONDS)
    hours = dict(version.hours)
    for key, count in events.items():
        cells = dict(hours.get(key, {}))
        cells[hour] = cells.get(hour, Count()) + count
        hours[key] = dict(sorted(cells.items())[-HOURS_LIMIT:])
    return msgspec.structs.replace(version, requests=version.requests + requests, hours=hours)


def _seen_again(versions: dict[str, Version], name: str, known: Parts, now: float) -> str:
    """The version that ran at the last look, if nothing about it is new, as nearly always; else empty."""
    version = versions.get(name)
    if version is None or not known.items() <= version.parts.items():
        return ""
    if known and version.last_seen != now:
        versions[name] = msgspec.structs.replace(version, last_seen=now)
    return name


def _which(versions: Mapping[str, Version], current: str, known: Parts) -> str | None:
    """The version that this is; empty for a new one, None where it may be one of several."""
    may_be = [name for name, one in versions.items() if not differ(one.parts, known)]
    if current in may_be:
        return current
    if len(may_be) > 1:
        equal = [name for name in may_be if known.keys() <= versions[name].parts.keys()]
        return equal[0] if len(equal) == 1 else None
    return may_be[0] if may_be else ""


def _latest(versions: Mapping[str, Version], history: History) -> Version | None:
    """The newest of those that ran at the last look; where none did, the one that ran last."""
    ran = [versions[name] for name in set(history.running.values()) if name in versions]
    if ran:
        return max(ran, key=lambda one: (one.first_seen, one.name))
    return max(history.versions, key=lambda one: (one.last_seen, one.name), default=None)


def _unused(name: str, versions: Mapping[str, Version]) -> str:
    number, unused = 2, name
    while unused in versions:
        unused, number = f"{name}-{number}", number + 1
    return unused


def _difference(name: str, before: str, after: str) -> str:
    if name == OTHER_ARGUMENTS:
        return "other arguments, which are not shown"
    if name in {IMAGE, LABEL}:
        before, after = (text.removeprefix("sha256:")[:12] for text in (before, after))
    return f"{name} {before} → {after}"
