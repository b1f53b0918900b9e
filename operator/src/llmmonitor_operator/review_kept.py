"""What is kept of people's verdicts: by detector and batch, how each case was drawn and what was said of it.

No text and no client: clients are numbered within a detector, in the order in which they came. Who judged is
kept by name, since two people must agree before anything follows; the audit chain has it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from llmmonitor_api.review import Drawn, Verdict

BATCHES_LIMIT = 400
"""Of all together; the oldest go."""
SUBJECTS_LIMIT = 40
"""Detectors by kind and version."""
PEOPLE_LIMIT = 64
NAME_LIMIT = 256


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """One verdict."""

    verdict: str
    """Of `review.Verdict`."""
    person: int
    """Index into `ReviewKept.people`."""
    client: int
    """A number for each client; a case of nobody known is a client of its own."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Cases that were drawn together, as far as they were judged."""

    name: str
    population: int
    """Exchanges that they were drawn from."""
    sample: int
    at: float
    """Of the first verdict."""
    judged: tuple[Judged, ...] = ()
    band: str = ""
    of: int = 0
    """Exchanges that were looked at meanwhile; 0: not told."""


class Subject(NamedTuple):
    """Whose findings are judged."""

    kind: str
    """Empty: of unflagged exchanges."""
    detector: str
    version: int

    @property
    def key(self) -> str:
        """As it is kept."""
        return msgspec.json.encode(tuple(self)).decode()

    @classmethod
    def of(cls, key: str) -> Subject:
        """From `key`."""
        return cls(*msgspec.json.decode(key, type=tuple[str, str, int]))


class ReviewKept(msgspec.Struct, frozen=True):
    """Everything; `ReviewKept()` before the first verdict."""

    people: tuple[str, ...] = ()
    subjects: dict[str, tuple[Batch, ...]] = {}
    """By `Subject.key`."""
    clients: int = 0
    """How many numbers were given to clients."""
    suspended: tuple[str, ...] = ()
    """Detectors (`Subject.key`) that were suspended at the last evaluation."""


class Given(msgspec.Struct, frozen=True):
    """A verdict that somebody has just given."""

    drawn: Drawn
    verdict: Verdict
    person: str
    at: float


def with_verdict(kept: ReviewKept, given: Given, client: int) -> ReviewKept:
    """The same with one more; as it was where there is no room for another person or detector.

    Args:
        kept: so far.
        given: what was said, of which case.
        client: its number; a new one (`kept.clients`) for one that was not seen before.
    """
    drawn, person = given.drawn, given.person[:NAME_LIMIT]
    key = Subject(drawn.kind, drawn.detector, drawn.version).key
    if person not in kept.people and len(kept.people) >= PEOPLE_LIMIT:
        return kept
    if key not in kept.subjects and len(kept.subjects) >= SUBJECTS_LIMIT:
        return kept
    people = kept.people if person in kept.people else (*kept.people, person)
    judged = Judged(given.verdict.value, people.index(person), client)
    batches = list(kept.subjects.get(key, ()))
    for place, batch in enumerate(batches):
        if batch.name == drawn.batch:
            batches[place] = msgspec.structs.replace(batch, judged=(*batch.judged, judged))
            break
    else:
        new = Batch(drawn.batch, drawn.population, drawn.sample, given.at, (judged,), drawn.band, drawn.of)
        batches.append(new)
    return msgspec.structs.replace(
        kept,
        people=people,
        subjects=newest({**kept.subjects, key: tuple(batches)}, BATCHES_LIMIT),
        clients=max(kept.clients, client + 1),
    )


def newest(subjects: Mapping[str, tuple[Batch, ...]], limit: int) -> dict[str, tuple[Batch, ...]]:
    """The newest batches, at most `limit` of all subjects together."""
    ages = sorted((one.at for batches in subjects.values() for one in batches), reverse=True)
    if len(ages) <= limit:
        return dict(subjects)
    since = ages[limit - 1]
    kept = {key: tuple(one for one in batches if one.at >= since) for key, batches in subjects.items()}
    return {key: batches for key, batches in kept.items() if batches}
