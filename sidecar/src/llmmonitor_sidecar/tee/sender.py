"""The relay's end of the tee: copies into the ring, publishes once per loop pass, never waits.

When there is no room the copy is dropped and counted, and that connection is *lost*: its later bytes are
not copied any more (half an answer would be analysed wrongly), and a LOST record goes out as soon as there
is room. A part of the ring is reserved for LOST and CLOSE; notices that do not even fit there wait in
`_notices`, and no OPEN is written while any wait. So they are never more than the connections open now
and those that were open when the ring filled up.
"""

import os
import threading
from typing import Final

from llmmonitor_sidecar.tee.record import Kind
from llmmonitor_sidecar.tee.ring import (
    ALIGNMENT,
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

RESERVE_BYTES: Final = 64 * 1024  # for LOST and CLOSE alone: 2,048 of them
_pack_header: Final = HEADER.pack_into
_DATA: Final = int(Kind.DATA)  # an enum member costs a slow look-up; this is used once per chunk
REWIND_BYTES: Final = 256 * 1024  # start again at place 0 when past this and the reader has caught up


class _Notice:
    """What the reader must still be told about one connection."""

    __slots__ = ("close", "lost_at_ns", "lost_bytes", "opened")

    def __init__(self, *, opened: bool) -> None:
        self.opened = opened  # the reader got its OPEN, so it must get its CLOSE
        self.lost_at_ns: int | None = None
        self.lost_bytes = 0
        self.close: tuple[int, bytes] | None = None  # at_ns, reason


class TeeSender:
    """Non-blocking writer; one per relay process, built after the fork.

    Attributes:
        dropped_bytes: bytes forwarded whose copies were dropped, by this sender.
        lost_connections: connections not (or not wholly) copied, by this sender.
    """

    def __init__(self, channel: TeeChannel) -> None:
        self._channel = channel
        self._memory = channel.memory
        self._words = channel.words
        self._capacity = channel.capacity_bytes
        self._reserve = min(RESERVE_BYTES, channel.capacity_bytes // 4)
        self._fence = threading.Lock()  # taken and released: see `ring`
        self._words[EPOCH] += 1
        self._last_connection = self._words[EPOCH] << EPOCH_SHIFT
        self._head = self._words[HEAD]  # published; what a dead writer left beyond it never happened
        self._place = (self._head - self._words[BASE]) % self._capacity
        self._written = 0  # bytes after HEAD not yet published
        self._limit = 0  # place up to which ordinary records may go without looking at TAIL again
        self._lost: dict[int, _Notice] = {}  # open connections that are not copied any more
        self._notices: dict[int, _Notice] = {}  # those the reader has not been told about
        self.dropped_bytes = 0
        self.lost_connections = 0

    @property
    def waiting_notices(self) -> int:
        """LOST and CLOSE notices that found no room yet."""
        return len(self._notices)

    def open(self, at_ns: int, addresses: bytes) -> int:
        """Announce a connection (payload of `encode_addresses`) and give it its number."""
        self._last_connection += 1
        connection = self._last_connection
        if self._notices or not self._put(Kind.OPEN, 0, connection, at_ns, addresses):
            self._lose(connection, at_ns, 0, opened=False)
        return connection

    def data(self, connection: int, direction: int, at_ns: int, payload: memoryview) -> None:
        """Copy bytes that were forwarded."""
        size = len(payload)
        place = self._place
        taken = (size + 31) & -8  # padded(size), and so on, inline: this runs once per chunk
        end = place + taken
        if end > self._limit or connection in self._lost:
            self._data_slowly(connection, direction, at_ns, payload)
            return
        memory = self._memory
        place += RECORDS_AT
        _pack_header(memory, place, size, _DATA, direction, 0, connection, at_ns)
        place += 24
        memory[place : place + size] = payload
        self._place = end
        self._written += taken

    def eof(self, connection: int, direction: int, at_ns: int) -> None:
        """Say that a direction ended."""
        if connection not in self._lost and not self._put(Kind.EOF, direction, connection, at_ns, b""):
            self._lose(connection, at_ns, 0, opened=True)

    def close(self, connection: int, at_ns: int, reason: bytes) -> None:
        """Say that a connection is gone; arrives later if there is no room now."""
        self._lost.pop(connection, None)
        notice = self._notices.get(connection)
        if notice is None:
            if not self._put(Kind.CLOSE, 0, connection, at_ns, reason, notice=True):
                self._notices[connection] = notice = _Notice(opened=True)
                notice.close = at_ns, reason
        elif notice.opened:
            notice.close = at_ns, reason
        else:
            del self._notices[connection]  # the reader never knew it: the count alone remains

    def flush(self) -> None:
        """Publish what was written since the last time; once per loop pass."""
        if self._notices:
            self._put_notices()
        if not self._written:
            return
        self._head += self._written
        self._written = 0
        with self._fence:
            pass
        self._words[HEAD] = self._head
        with self._fence:
            pass
        if self._words[WAITING]:
            self._words[WAITING] = 0
            os.eventfd_write(self._channel.wake_fd, 1)
        if self._place > REWIND_BYTES:
            self._limit = 0  # the next record looks whether the reader has caught up

    def _data_slowly(self, connection: int, direction: int, at_ns: int, payload: memoryview) -> None:
        lost = self._lost.get(connection)
        if lost is not None:
            lost.lost_bytes += len(payload)
            self.dropped_bytes += len(payload)
        elif not self._put(Kind.DATA, direction, connection, at_ns, payload):
            self._lose(connection, at_ns, len(payload), opened=True)

    def _lose(self, connection: int, at_ns: int, size: int, *, opened: bool) -> None:
        notice = _Notice(opened=opened)
        notice.lost_at_ns = at_ns
        notice.lost_bytes = size
        self._lost[connection] = self._notices[connection] = notice
        self.dropped_bytes += size
        self.lost_connections += 1

    def _put_notices(self) -> None:
        for connection, notice in list(self._notices.items()):
            if notice.lost_at_ns is not None:
                lost = str(notice.lost_bytes).encode("ascii")
                if not self._put(Kind.LOST, 0, connection, notice.lost_at_ns, lost, notice=True):
                    return
                notice.lost_at_ns = None
                notice.opened = True
            if notice.close is not None and not self._put(
                Kind.CLOSE, 0, connection, *notice.close, notice=True
            ):
                return
            del self._notices[connection]

    def _put(  # noqa: PLR0913 - the fields of a record
        self,
        kind: int,
        direction: int,
        connection: int,
        at_ns: int,
        payload: bytes | memoryview,
        *,
        notice: bool = False,
    ) -> bool:
        """Write one record after HEAD; False when there is no room for it."""
        size = len(payload)
        needed = padded(size)
        if self._place + needed > self._limit and not self._make_room(needed, 0 if notice else self._reserve):
            return False
        start = RECORDS_AT + self._place
        HEADER.pack_into(self._memory, start, size, kind, direction, 0, connection, at_ns)
        self._memory[start + HEADER.size : start + HEADER.size + size] = payload
        self._place += needed
        self._written += needed
        return True

    def _make_room(self, needed: int, reserve: int) -> bool:
        """Find `needed` bytes in one piece, wrapping or rewinding where it must, and set the limit anew."""
        unread = self._head - self._words[TAIL]
        if not 0 <= unread <= self._capacity:
            return False  # TAIL is the reader's to write: do not believe just anything
        if unread == 0 and self._written == 0 and self._place > REWIND_BYTES:
            self._words[BASE] = self._head
            self._place = 0
        free = self._capacity - unread - self._written
        to_end = self._capacity - self._place
        if to_end < needed:
            if free - to_end < needed + reserve:
                return False
            if to_end:
                self._wrap(to_end)
            free -= to_end
            to_end = self._capacity
            self._place = 0
        if free < needed + reserve:
            return False
        self._limit = self._place + min(free - self._reserve, to_end)
        return True

    def _wrap(self, to_end: int) -> None:
        start = RECORDS_AT + self._place
        self._memory[start : start + ALIGNMENT] = bytes((0, 0, 0, 0, WRAP, 0, 0, 0))
        self._written += to_end
