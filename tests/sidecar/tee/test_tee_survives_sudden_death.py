"""SIGKILL of either side at any instruction: what the next process finds is in order."""

import os
import random
import signal
import time
import warnings
from collections.abc import Callable

from llmmonitor_sidecar.tee import (
    REQUEST,
    Kind,
    TeeChannel,
    TeeReceiver,
    TeeRecord,
    TeeSender,
    encode_addresses,
)

ADDRESSES = encode_addresses("10.0.0.1", 40000, "10.0.0.2", 8000)
ROUNDS = 25


def fork(run: Callable[[], None]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # 3.12+: the test runner has threads, we need none
        pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(1)
    return pid


def send_for_ever(channel: TeeChannel) -> None:
    sender = TeeSender(channel)
    seeded = random.Random(os.getpid())
    while True:
        connection = sender.open(1, ADDRESSES)
        for count in range(seeded.randrange(20)):
            sender.data(connection, REQUEST, count, memoryview(pattern(connection, seeded.randrange(3000))))
            if seeded.random() < 0.3:
                sender.flush()
        sender.close(connection, 99, b"eof")
        sender.flush()


def pattern(connection: int, size: int) -> bytes:
    return bytes([connection % 256]) * size


def assert_in_order(records: list[TeeRecord]) -> None:
    for record in records:
        if record.kind == Kind.DATA:
            assert record.payload == pattern(record.connection, len(record.payload))
        else:
            assert record.kind in (Kind.OPEN, Kind.CLOSE, Kind.LOST)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_of_the_sender() -> None:
    channel = TeeChannel(256 * 1024)
    receiver = TeeReceiver(channel)
    seeded = random.Random(1)
    epochs = set()

    for _ in range(ROUNDS):
        sender = fork(lambda: send_for_ever(channel))
        kill_at = time.monotonic() + seeded.uniform(0.0, 0.02)
        records: list[TeeRecord] = []
        while time.monotonic() < kill_at or not any(one.kind == Kind.OPEN for one in records):
            records += receiver.read()  # the first may be the end of its predecessor's connections
        kill(sender)
        while batch := receiver.read():
            records += batch
        assert_in_order(records)
        epochs |= {record.connection >> 32 for record in records}

    assert receiver.corrupt_total == 0
    assert len(epochs) == ROUNDS  # every relay was heard, and no number was used twice
    channel.close()


def read_for_ever(channel: TeeChannel) -> None:
    receiver = TeeReceiver(channel)
    while True:
        receiver.read()


def test_of_the_receiver() -> None:
    channel = TeeChannel(256 * 1024)
    sender = fork(lambda: send_for_ever(channel))
    seeded = random.Random(2)

    for _ in range(ROUNDS):
        first = fork(lambda: read_for_ever(channel))
        time.sleep(seeded.uniform(0.0, 0.02))
        kill(first)

        next_one = TeeReceiver(channel)
        records: list[TeeRecord] = []
        while not any(record.kind == Kind.OPEN for record in records):
            records += next_one.read()
        assert_in_order(records)
        assert next_one.corrupt_total == 0
    kill(sender)
    channel.close()
