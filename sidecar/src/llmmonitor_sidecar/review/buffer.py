"""The review buffer: redacted cases in this process's memory alone, bounded in number, size and age.

A configuration without a review erases it, and so does the end of the process. Text is redacted when it is
kept, and not when it is shown. What leaves is sealed to the key of the person who asks.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b

from llmmonitor_api.configuration import ReviewSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.review import ReviewState
from llmmonitor_api.review import (
    CASE_CHARACTERS,
    PART_CHARACTERS,
    PARTS_LIMIT,
    SUSPECTED,
    UNFLAGGED,
    VERIFIED,
    Case,
    Drawn,
    Part,
)
from llmmonitor_sidecar.detectors.finding import Finding, Heard
from llmmonitor_sidecar.review.cells import SLOTS, Batch, Cell, CellKey, KeptCase
from llmmonitor_sidecar.review.redact import redacted

CHARACTERS_LIMIT = 4 * 1024 * 1024
"""Of all cases together: at most 16 MiB."""
CELL_AGES = 4
"""A cell is closed when it is a fourth as old as a case may become."""
_NAME_BYTES = 8
_ANSWERS_LIMIT = 4
_LEAST_CHARACTERS = 100


class ReviewBuffer:
    """From one thread; given CLOCK_MONOTONIC seconds, and keeping Unix ones."""

    def __init__(self, seed: int | None = None) -> None:
        self._offset_seconds = 0.0
        self._tag_key = secrets.token_bytes(32)
        self._draw = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._setting: ReviewSetting | None = None
        self._cells: dict[CellKey, Cell] = {}
        self._batches: list[Batch] = []
        self._looked = [0] * SLOTS
        """Exchanges that were looked at, by the slot of their clients."""

    @property
    def is_on(self) -> bool:
        """Whether cases are kept."""
        return self._setting is not None

    def set_clock(self, unix_seconds: float, monotonic_seconds: float) -> None:
        """Both of the same moment."""
        self._offset_seconds = unix_seconds - monotonic_seconds

    def configure(self, setting: ReviewSetting | None) -> None:
        """Keep as many from now on; None erases everything at once."""
        self._setting = setting
        if setting is None:
            self._cells.clear()
            self._batches.clear()
            return
        self._bound()

    def take(self, heard: Heard, findings: Iterable[Finding], client: str, at_seconds: float) -> None:
        """An exchange was looked at: keep it where it is drawn."""
        if self._setting is None:
            return
        now = at_seconds + self._offset_seconds
        slot = int(client[:2], 16) % SLOTS if client else 0
        self._looked[slot] += 1
        content: Case | None = None
        for key in _keys(findings, slot):
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = Cell(now, self._looked[slot] - 1)
            place = cell.place(self._draw)
            if place is None:
                continue
            content = content or _content(heard)
            size = sum(len(part.text) for part in content.parts)
            cell.put(place, KeptCase(secrets.token_hex(_NAME_BYTES), content, client, now, size))
        if content is not None:
            self._bound()

    def tick(self, at_seconds: float) -> None:
        """Close cells that are old, and drop what is too old."""
        setting = self._setting
        if setting is None:
            return
        now = at_seconds + self._offset_seconds
        for key, cell in list(self._cells.items()):
            if now - cell.began >= setting.max_age_seconds / CELL_AGES:
                self._close(key)
        for batch in self._batches:
            batch.cases = [one for one in batch.cases if now - one.at < setting.max_age_seconds]
        self._batches = [one for one in self._batches if one.cases]

    def offer(self, kind: str | None = None, skip: Collection[str] = ()) -> tuple[Drawn, Case] | None:
        """A case to be judged, at random among detectors, then in one of their batches; None without any.

        Args:
            kind: only of this one, empty for unflagged ones; None: of any.
            skip: names of cases that are not wanted.
        """
        kinds = sorted({key.kind for key in self._filled(skip) if kind in {None, key.kind}})
        if not kinds:
            return None
        chosen = self._draw.choice(kinds)
        for key in [key for key, cell in self._cells.items() if key.kind == chosen and cell.cases]:
            self._close(key)
        of_kind = [one for one in self._batches if one.key.kind == chosen]
        drawable = [(batch, [one for one in batch.cases if one.name not in skip]) for batch in of_kind]
        batch, cases = self._draw.choice([(batch, cases) for batch, cases in drawable if cases])
        case = self._draw.choice(cases)
        return self._drawn(batch, case), case.content

    def drop(self, case: str) -> int:
        """A case was judged, and need not wait any more."""
        return self._remove(lambda one: one.name == case)

    def erase(self, client: str) -> int:
        """All that is kept of one client (its keyed hash); how many cases went."""
        return self._remove(lambda one: one.client == client) if client else 0

    def state(self, at_seconds: float) -> ReviewState | None:
        """As of now; None while it is off."""
        if self._setting is None:
            return None
        cases = {one.name: one.at for one in self._every()}
        oldest = max(0.0, at_seconds + self._offset_seconds - min(cases.values())) if cases else 0.0
        return ReviewState(waiting=len(cases), oldest_seconds=oldest)

    def _filled(self, skip: Collection[str]) -> Iterable[CellKey]:
        yield from (
            key for key, cell in self._cells.items() if any(one.name not in skip for one in cell.cases)
        )
        yield from (one.key for one in self._batches if any(case.name not in skip for case in one.cases))

    def _every(self) -> Iterable[KeptCase]:
        for cell in self._cells.values():
            yield from cell.cases
        for batch in self._batches:
            yield from batch.cases

    def _remove(self, which: Callable[[KeptCase], bool]) -> int:
        before = sum(1 for _ in self._every())
        for cell in self._cells.values():
            left = [one for one in cell.cases if not which(one)]
            if len(left) < len(cell.cases):  # those that are left are a random sample still, of so many
                cell.cases, cell.capacity = left, len(left)
        for batch in self._batches:
            batch.cases = [one for one in batch.cases if not which(one)]
        self._batches = [one for one in self._batches if one.cases]
        return before - sum(1 for _ in self._every())

    def _drawn(self, batch: Batch, case: KeptCase) -> Drawn:
        """What is said of a client leaves under another name: the hash itself could be asked for by value."""
        client = ""
        if case.client:
            client = blake2b(case.client.encode(), key=self._tag_key, digest_size=_NAME_BYTES).hexdigest()
        key = batch.key
        return Drawn(
            case=case.name,
            batch=batch.name,
            kind=key.kind,
            detector=key.detector,
            version=key.version,
            band=key.band,
            population=batch.population,
            sample=batch.sample,
            of=batch.of,
            client=client,
            at=case.at,
        )

    def _close(self, key: CellKey) -> None:
        cell = self._cells.pop(key)
        if cell.cases:
            name = secrets.token_hex(_NAME_BYTES)
            of = self._looked[key.slot] - cell.looked_before
            self._batches.append(Batch(name, key, cell.population, len(cell.cases), of, cell.cases))

    def _bound(self) -> None:
        """Older ones make room: closed ones first, then the cell with the most."""
        setting = self._setting
        assert setting is not None  # noqa: S101 - the callers' check, for the type checker
        while True:
            every = list(self._every())
            within = len(every) <= setting.max_cases and sum(one.size for one in every) <= CHARACTERS_LIMIT
            if within or not every:
                return
            oldest = min((one for one in self._batches if one.cases), key=_oldest, default=None)
            if oldest is not None:
                oldest.cases.remove(min(oldest.cases, key=lambda one: one.at))
                self._batches = [one for one in self._batches if one.cases]
            else:
                max(self._cells.values(), key=lambda one: len(one.cases)).shrink(self._draw)


def _oldest(batch: Batch) -> float:
    return min(one.at for one in batch.cases)


def _keys(findings: Iterable[Finding], slot: int) -> list[CellKey]:
    """A cell for each detector and kind; where it found several, the surest counts."""
    bands: dict[tuple[str, str, int], str] = {}
    for one in findings:
        what = one.kind, one.detector, one.version
        bands[what] = VERIFIED if one.verified or bands.get(what) == VERIFIED else SUSPECTED
    keys = [CellKey(*what, band, slot) for what, band in sorted(bands.items())]
    return keys or [CellKey("", "", 0, UNFLAGGED, slot)]


def _content(heard: Heard) -> Case:
    """The last messages and the answers, redacted, within the room of a case."""
    answers = [(Origin.ANSWER.value, text) for text in heard.answers[:_ANSWERS_LIMIT]]
    said = [*((one.origin.value, one.text) for one in heard.context), *answers]
    room, parts = CASE_CHARACTERS, []
    for origin, text in said[: -PARTS_LIMIT - 1 : -1]:
        if room < _LEAST_CHARACTERS:
            break
        part = redacted(text, min(PART_CHARACTERS, room))
        room -= len(part)
        parts.append(Part(origin, part))
    return Case(tuple(reversed(parts)), len(said) - len(parts))
