"""The analyser's end of the tee: takes records out of the ring and keeps each connection's promise.

`fileno()` is readable while there is something to read. To read in larger, cheaper batches, wait a few
milliseconds after it became readable, then call `read()` until it gives nothing: stamps are the relay's,
so waiting costs no accuracy, and while the receiver is not asleep the relay makes no system call for it.
"""

import contextlib
import os
import threading
import time
from typing import Final

from llmmonitor_sidecar.tee.record import CloseReason, Kind, TeeRecord
from llmmonitor_sidecar.tee.ring import (
    BASE,
    EPOCH,
    EPOCH_SHIFT,
    HEAD,
    HEADER,
    RECORDS_AT,
    TAIL,
    WAITING,
    WRAP,
    TeeChannel,
    padded,
)

_unpack_header: Final = HEADER.unpack_from
_STREAM: Final = frozenset({int(Kind.DATA), int(Kind.EOF)})
READ_LIMIT_BYTES: Final = 1024 * 1024  # per call, so that the analyser's loop comes round in between


class TeeReceiver:
    """Non-blocking reader; one per analyser process, built after the fork.

    Attributes:
        corrupt_total: times the ring made no sense and was skipped; every connection is then lost.
    """

    def __init__(self, channel: TeeChannel) -> None:
        self._channel = channel
        self._memory = channel.memory
        self._words = channel.words
        self._capacity = channel.capacity_bytes
        self._fence = threading.Lock()  # taken and released: see `ring`
        self._epoch = 0  # newest relay heard of
        self._known: dict[int, bool] = {}  # open connections -> still read (False: lost)
        self.corrupt_total = 0
        os.eventfd_write(channel.wake_fd, 1)  # what a dead receiver left unread must be found without a wake

    def fileno(self) -> int:
        """Readable while there may be records; for `loop.add_reader`."""
        return self._channel.wake_fd

    def read(self) -> list[TeeRecord]:
        """Take what is there, at most about `READ_LIMIT_BYTES`; an empty list only when there is nothing."""
        words = self._words
        records: list[TeeRecord] = []
        while not records:
            tail = words[TAIL]
            head = words[HEAD]
            if head == tail:
                head = self._sleep(tail)
                if head == tail:
                    self._forget_dead_relays(words[EPOCH], records)
                    return records
            with self._fence:
                pass
            try:
                tail = self._take(tail, head, records)
            except ValueError:
                tail = head
                self._lose_everything(records)
            with self._fence:
                pass
            words[TAIL] = tail
        return records

    def _sleep(self, tail: int) -> int:
        """Ask to be woken; HEAD as it is after asking, so that nothing is missed in between."""
        with contextlib.suppress(BlockingIOError):  # called without having been woken
            os.eventfd_read(self._channel.wake_fd)
        self._words[WAITING] = 1
        with self._fence:
            pass
        head = self._words[HEAD]
        if head != tail:
            os.eventfd_write(self._channel.wake_fd, 1)
        return head

    def _take(self, tail: int, head: int, records: list[TeeRecord]) -> int:
        """Read records from one position towards another; the position reached.

        Raises:
            ValueError: what lies there is no record.
        """
        memory, known, capacity = self._memory, self._known, self._capacity
        end = min(head, tail + READ_LIMIT_BYTES)
        place = (tail - self._words[BASE]) % capacity
        while tail < end:
            start = RECORDS_AT + place
            if capacity - place < HEADER.size or memory[start + 4] == WRAP:
                tail += capacity - place
                place = 0
                continue
            size, kind, direction, _, connection, at_ns = _unpack_header(memory, start)
            taken = padded(size)
            if tail + taken > head or place + taken > capacity:
                raise ValueError(f"tee: record of {size} bytes at {tail} reaches beyond {head}")
            if connection >> EPOCH_SHIFT != self._epoch:
                self._forget_dead_relays(connection >> EPOCH_SHIFT, records)
            start += HEADER.size
            record = TeeRecord(kind, connection, direction, at_ns, memory[start : start + size])
            if kind not in _STREAM:
                self._note(record, records)
            elif (reading := known.get(connection)) is None:
                self._lose(connection, at_ns, records)
            elif reading:
                records.append(record)
            tail += taken
            place += taken
            if place == capacity:
                place = 0
        return tail

    def _note(self, record: TeeRecord, records: list[TeeRecord]) -> None:
        """OPEN, CLOSE and LOST change what is known."""
        if record.kind == Kind.OPEN:
            self._known[record.connection] = True
        elif record.kind == Kind.LOST:
            if self._known.get(record.connection) is False:
                return
            self._known[record.connection] = False
        elif self._known.pop(record.connection, None) is None:
            return  # known to a dead receiver only, and gone
        records.append(record)

    def _lose(self, connection: int, at_ns: int, records: list[TeeRecord]) -> None:
        self._known[connection] = False
        records.append(TeeRecord(Kind.LOST, connection, 0, at_ns, b"0"))

    def _lose_everything(self, records: list[TeeRecord]) -> None:
        self.corrupt_total += 1
        for connection, reading in list(self._known.items()):
            if reading:
                self._lose(connection, time.monotonic_ns(), records)

    def _forget_dead_relays(self, epoch: int, records: list[TeeRecord]) -> None:
        """Close the connections of relays before this one: they died without a word."""
        if epoch <= self._epoch:
            return
        self._epoch = epoch
        now_ns = time.monotonic_ns()
        for connection in [known for known in self._known if known >> EPOCH_SHIFT < epoch]:
            del self._known[connection]
            records.append(TeeRecord(Kind.CLOSE, connection, 0, now_ns, CloseReason.RELAY_DIED))
