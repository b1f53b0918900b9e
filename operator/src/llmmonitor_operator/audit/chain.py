"""The end of one monitor's chain, as far as it must be known to append to it: functions of it.

Records stand in volumes, each of which is an object of its own; a full one is closed for good and a new one
begins. A record that somebody damaged keeps its place: the chain goes on after it, and `verify` names it.
What was written by hand far from it (`stray`) is left where it is. How volumes are read and written is
`reconcile/keep/audits.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from llmmonitor_operator.audit.record import Entry, Record, What, beginning, digest, line_of, read, record_of
from llmmonitor_operator.audit.stray import KEY, RECORDS_LIMIT, record_at, stray

BYTES_LIMIT = 512 * 1024
"""Of a volume, well below what a ConfigMap holds (1 MiB)."""
VOLUMES_LIMIT = 200
"""A hundred thousand records: then nothing more is written, and so no content shown."""
KEEP_SECONDS = 400 * 86_400.0
"""No record goes sooner."""


class ChainFull(Exception):
    """No record can be added; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Its newest volume."""

    uid: str
    """The monitor's."""
    volume: int = 1
    """From 1."""
    first_volume: int = 1
    """The oldest that is there."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """Of the newest volume by `key_of`, with whatever else is in it; none at the very beginning."""
    number: int = 0
    """Of the last record; 0 before the first."""
    head: str = ""
    """The digest of the last record; empty before the first."""
    closed: bool = False
    """Whether nothing more may be added to that volume."""

    def newest_first(self, what: What) -> Iterator[Record]:
        """Records of one kind in this volume."""
        for key in sorted(self.lines.keys() - stray(self.lines), reverse=True):
            try:
                record = read(self.lines[key])
            except ValueError:
                continue
            if record.what == what:
                yield record


def key_of(number: int) -> str:
    """Under which a record stands in its volume."""
    return f"{number:08d}"


def chain_of(uid: str, volumes: range, data: Mapping[str, str], *, closed: bool = False) -> Chain:
    """The chain whose newest volume holds this; keys that are no record's are left where they are."""
    lines = dict(data)
    key = max((key for key in lines.keys() - stray(lines) if KEY.fullmatch(key)), default="")
    if key and int(key) > (volumes.stop - 1) * RECORDS_LIMIT and record_at(key, lines[key]) is None:
        key = ""  # in a volume without any record: the chain knows from the status how long it was
    number, head = (int(key), digest(lines[key])) if key else (0, "")
    return Chain(uid, volumes.stop - 1, volumes.start, lines, number, head, closed)


def appended(chain: Chain, entry: Entry, at: str) -> Chain:
    """The chain with one more record, in this volume or in a new one.

    Raises:
        ChainFull: it has as many as it may.
    """
    record = record_of(entry, chain.number + 1, chain.head or beginning(chain.uid), at)
    line = line_of(record)
    if chain.closed or _is_full(chain.lines, line):
        if chain.volume - chain.first_volume + 1 >= VOLUMES_LIMIT:
            raise ChainFull(
                f"the audit chain has its {VOLUMES_LIMIT} volumes, and none is older than"
                f" {KEEP_SECONDS / 86_400:.0f} days: nothing more is recorded, and no content is shown; a"
                " monitor of another name begins another chain"
            )
        chain = replace(chain, volume=chain.volume + 1, lines={}, closed=False)
    lines = {**chain.lines, key_of(record.number): line}
    return replace(chain, lines=lines, number=record.number, head=digest(line))


def continued(chain: Chain, records: int, at: str) -> Chain:
    """The chain, with a record of what is lost if there were more of them (`records`) than there are.

    Raises:
        ChainFull: see `appended`.
    """
    lost = records - chain.number
    if lost <= 0:
        return chain
    why = f"there were {records} records; of them {chain.number} were there when this was written"
    entry = Entry(who="the operator", what=What.LOST, why=why, count=lost)
    return appended(replace(chain, number=records), entry, at)


def _is_full(lines: Mapping[str, str], line: str) -> bool:
    size = sum(len(one.encode()) for one in lines.values()) + len(line.encode())
    return len(lines) >= RECORDS_LIMIT or size > BYTES_LIMIT
