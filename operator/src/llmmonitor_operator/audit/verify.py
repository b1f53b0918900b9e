"""Whether a chain of records is whole, and if not, which record is broken, missing or in another's place.

It tells what happened to records after they were written. Who may write the volumes, and the status too that
names the newest record, can write another history; against that only a digest helps that was noted elsewhere
before (`expected`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmmonitor_operator.audit.chain import key_of
from llmmonitor_operator.audit.record import Record, What, beginning, digest, read
from llmmonitor_operator.audit.stray import KEY, stray


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found."""

    records: tuple[Record, ...]
    """All that can be read, in the order in which they are kept."""
    problems: tuple[str, ...]
    """One sentence for each, which names the record; none: the chain is whole."""
    head: str = ""
    """The digest of the last record; empty without any."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One line under its key."""

    key: str
    digest: str
    record: Record | None
    why_not: str = ""
    """What is wrong with it, when it is no record."""

    @property
    def place(self) -> int:
        return int(self.key)


def verify(
    uid: str, volumes: Sequence[Mapping[str, str]], *, records: int = 0, head: str = "", expected: str = ""
) -> Verified:
    """Look at a chain from its first record to its last.

    Args:
        uid: of the monitor it is said to be of.
        volumes: what is in each, by key, in their order.
        records: how many there were when the status was written, before the volumes were read.
        head: the digest of the last of those; empty when the status says nothing.
        expected: a digest that somebody noted; empty when nobody did.
    """
    strays = [stray(volume) for volume in volumes]
    data = [
        (key, line)
        for volume, by_hand in zip(volumes, strays, strict=True)
        for key, line in sorted(volume.items())
        if key not in by_hand
    ]
    problems = [f"{key!r} is no record's key" for key, _ in data if not KEY.fullmatch(key)]
    far = "is no record of this chain: it lies far from all of them"
    problems += [f"{key!r} {far}" for by_hand in strays for key in sorted(by_hand)]
    kept = [_kept(key, line) for key, line in data if KEY.fullmatch(key)]
    found = tuple(one.record for one in kept if one.record is not None)
    trimmed = max((one.count for one in found if one.what == What.TRIMMED), default=0)
    if kept and kept[0].place > trimmed + 1:
        problems.append(f"{_range(trimmed + 1, kept[0].place - 1)} missing")
    before: _Kept | None = None
    for one in kept:
        problems += _wrong(uid, one, before)
        before = one
    digests = {one.digest: one.place for one in kept}
    last = kept[-1] if kept else None
    if head and digests.get(head) != records:
        problems.append(_not_the_end(records, last.place if last else 0, head, digests))
    if expected and expected not in digests:
        problems.append(
            f"no record has the digest {expected}: it was noted of another chain, or of records gone"
        )
    return Verified(found, tuple(problems), last.digest if last else "")


def _kept(key: str, line: str) -> _Kept:
    try:
        return _Kept(key, digest(line), read(line))
    except ValueError as error:
        return _Kept(key, digest(line), None, str(error))


def _wrong(uid: str, one: _Kept, before: _Kept | None) -> list[str]:
    record = one.record
    if before is not None and one.place > before.place + 1:
        gap = [f"{_range(before.place + 1, one.place - 1)} missing"]
    else:
        gap = []
    if record is None:
        return [*gap, f"record {one.place} is damaged: {one.why_not}"]
    if key_of(record.number) != one.key:
        return [*gap, f"record {record.number} stands in the place of record {one.place}: reordered"]
    said = [f"record {one.place} says that {record.count} were lost: {record.why}"]
    lost = said if record.what == What.LOST else []
    if gap or (before is None and one.place > 1):
        return [*gap, *lost]
    if record.before != (before.digest if before is not None else beginning(uid)):
        changed = (
            f"record {before.place} was changed" if before else "record 1 begins another monitor's chain"
        )
        after = f" after record {one.place} was written" if before else ""
        return [*lost, f"{changed}{after}: its digest is not the one that record {one.place} has of it"]
    return lost


def _range(begin: int, end: int) -> str:
    return f"record {begin} is" if begin == end else f"records {begin} to {end} are"


def _not_the_end(records: int, last: int, head: str, digests: Mapping[str, int]) -> str:
    if last < records:
        return f"{_range(last + 1, records)} missing: the status says that there were {records}"
    if head in digests:
        return f"record {digests[head]} has the digest that the status says of record {records}"
    return f"record {records} has another digest than the status says ({head})"
