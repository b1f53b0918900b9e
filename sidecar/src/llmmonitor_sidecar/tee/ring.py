"""The shared memory under the tee: one writer, one reader, no locks, no system calls per record.

Layout: a page of 64-bit words (below), then `capacity` bytes of records, each a 24-byte header and its
payload, padded to 8 bytes and never split over the end (a WRAP record fills the rest).

Theory of operation. Positions only grow; a position's place is `(position - base) % capacity`.
- The writer fills records after HEAD, then moves HEAD past them all: a writer killed half-way has
  published nothing. The reader copies records out, then moves TAIL: a reader killed half-way leaves them
  to the next one. Neither can tear a record.
- When the reader has consumed everything (TAIL == HEAD), the writer may set BASE := HEAD and start again
  at place 0, so an idle or light channel keeps touching the same few pages and not all of its capacity.
- WAITING: the reader found nothing and sleeps on the eventfd; the writer wakes it once and clears the word.
- EPOCH: counted up by each new writer and part of every connection's number, so that connections of a dead
  relay are recognised as such.
A lock taken and released between payload and HEAD is the memory barrier that pure Python offers: x86
needs it only before reading WAITING, ARM for the order of the stores too.
"""

import mmap
import os
import struct
from typing import Final

DEFAULT_CAPACITY_BYTES: Final = 8 * 1024 * 1024

HEADER: Final = struct.Struct("=IBBHQQ")  # payload bytes, kind, direction, unused, connection, at_ns
WRAP: Final = 0  # kind of the record that fills the rest of the ring
ALIGNMENT: Final = 8
RECORDS_AT: Final = mmap.PAGESIZE  # where the records begin
EPOCH_SHIFT: Final = 32  # a connection's number is (epoch << 32) + count

HEAD: Final = 0  # word written by the writer: everything before it is published
BASE: Final = 8  # written by the writer: position of place 0. Words lie a cache line (64 bytes) apart
EPOCH: Final = 16  # written by each new writer
TAIL: Final = 24  # written by the reader: everything before it is consumed
WAITING: Final = 32  # set by the reader, cleared by the writer that wakes it


class TeeChannel:
    """Memory and eventfd of one tee; made by the supervisor, inherited by fork, kept for its whole life.

    Args:
        capacity_bytes: room for records; a multiple of 8. Memory is taken only as it is first touched.
    """

    __slots__ = ("capacity_bytes", "memory", "wake_fd", "words")

    def __init__(self, capacity_bytes: int = DEFAULT_CAPACITY_BYTES) -> None:
        if capacity_bytes % ALIGNMENT:
            raise ValueError(f"tee: capacity of {capacity_bytes} bytes; it must be a multiple of {ALIGNMENT}")
        self.capacity_bytes = capacity_bytes
        self.memory = mmap.mmap(-1, RECORDS_AT + capacity_bytes)
        self.words = memoryview(self.memory).cast("Q")
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def close(self) -> None:
        """Give memory and descriptor back; ends built on this channel must not be used afterwards."""
        self.words.release()
        self.memory.close()
        os.close(self.wake_fd)


def padded(size: int) -> int:
    """Bytes a record of this payload size takes in the ring."""
    return (HEADER.size + size + ALIGNMENT - 1) & -ALIGNMENT
