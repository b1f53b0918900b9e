"""The tee channel between a sender and a receiver in one process: order, loss, bounds, wake-ups."""

import select
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_sidecar.tee import (
    REQUEST,
    RESPONSE,
    CloseReason,
    ConnectionAddresses,
    Kind,
    TeeChannel,
    TeeReceiver,
    TeeRecord,
    TeeSender,
    decode_addresses,
    encode_addresses,
)
from llmmonitor_sidecar.tee.ring import HEAD, TAIL

ADDRESSES = encode_addresses("10.0.0.1", 40000, "10.0.0.2", 8000)
RING_BYTES = 4096


@pytest.fixture
def channel() -> Iterator[TeeChannel]:
    channel = TeeChannel(RING_BYTES)
    yield channel
    channel.close()


def drain(receiver: TeeReceiver) -> list[TeeRecord]:
    records: list[TeeRecord] = []
    while batch := receiver.read():
        records += batch
    return records


def readable(receiver: TeeReceiver) -> bool:
    return bool(select.select([receiver], [], [], 0)[0])


def test_addresses_survive_the_way() -> None:
    assert decode_addresses(ADDRESSES) == ConnectionAddresses("10.0.0.1", 40000, "10.0.0.2", 8000)


def test_mapped_ipv4_is_said_as_ipv4() -> None:
    payload = encode_addresses("::ffff:10.0.0.1", 1, "fe80::1%eth0", 2)

    assert decode_addresses(payload) == ConnectionAddresses("10.0.0.1", 1, "fe80::1%eth0", 2)


def test_records_arrive_in_order(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)

    connection = sender.open(1, ADDRESSES)
    sender.data(connection, REQUEST, 2, memoryview(b"question"))
    sender.eof(connection, REQUEST, 3)
    sender.data(connection, RESPONSE, 4, memoryview(b"answer"))
    sender.close(connection, 5, CloseReason.EOF)
    sender.flush()

    assert drain(receiver) == [
        TeeRecord(Kind.OPEN, connection, 0, 1, ADDRESSES),
        TeeRecord(Kind.DATA, connection, REQUEST, 2, b"question"),
        TeeRecord(Kind.EOF, connection, REQUEST, 3, b""),
        TeeRecord(Kind.DATA, connection, RESPONSE, 4, b"answer"),
        TeeRecord(Kind.CLOSE, connection, 0, 5, b"eof"),
    ]


def test_nothing_is_seen_before_it_is_published(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)

    sender.open(1, ADDRESSES)

    assert drain(receiver) == []


def test_descriptor_is_readable_while_there_is_something(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    drain(receiver)
    assert not readable(receiver)

    sender.open(1, ADDRESSES)
    sender.flush()
    assert readable(receiver)
    assert len(receiver.read()) == 1
    assert readable(receiver)  # until a read finds nothing
    assert receiver.read() == []

    assert not readable(receiver)


def test_a_connection_that_lost_copies_is_lost_for_good_and_said_to_be(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    connection = sender.open(1, ADDRESSES)
    for _ in range(20):
        sender.data(connection, RESPONSE, 2, memoryview(bytes(500)))
    sender.flush()
    before = drain(receiver)

    sender.data(connection, RESPONSE, 3, memoryview(b"there is room again"))
    sender.flush()
    after = drain(receiver)
    sender.close(connection, 4, CloseReason.EOF)
    sender.flush()

    records = before + after + drain(receiver)
    kinds = [record.kind for record in records]
    assert kinds.count(Kind.LOST) == 1
    assert Kind.DATA not in kinds[kinds.index(Kind.LOST) :]
    assert kinds[-1] == Kind.CLOSE
    delivered = sum(len(record.payload) for record in records if record.kind == Kind.DATA)
    assert sender.dropped_bytes == 20 * 500 + 19 - delivered
    assert sender.lost_connections == 1


def test_a_connection_whose_open_was_lost_is_said_to_be_lost_while_it_lasts(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    fill(sender)

    unheard = sender.open(1, ADDRESSES)
    sender.flush()
    records = drain(receiver)
    sender.flush()  # now there is room
    records += drain(receiver)

    assert [r.kind for r in records if r.connection == unheard] == [Kind.LOST]
    sender.close(unheard, 2, CloseReason.EOF)
    sender.flush()
    assert [(r.kind, r.connection) for r in drain(receiver)] == [(Kind.CLOSE, unheard)]


def test_notices_are_bounded_by_the_connections_that_are_open(channel: TeeChannel) -> None:
    sender = TeeSender(channel)
    open_before = [sender.open(1, ADDRESSES) for _ in range(20)]
    fill(sender)

    for _ in range(5000):
        sender.close(sender.open(1, ADDRESSES), 2, CloseReason.EOF)
        sender.flush()
    for connection in open_before:
        sender.close(connection, 3, CloseReason.EOF)

    assert sender.waiting_notices <= len(open_before) + 1
    assert sender.lost_connections >= 5000


def test_nobody_is_announced_while_a_notice_waits(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    connections = [sender.open(1, ADDRESSES) for _ in range(45)]
    fill(sender)
    for connection in connections:
        sender.close(connection, 2, CloseReason.EOF)
    sender.flush()
    assert sender.waiting_notices > 0
    records = drain(receiver)

    late = sender.open(3, ADDRESSES)  # there would be room
    sender.flush()
    records += drain(receiver)

    assert [r.kind for r in records if r.connection == late] == [Kind.LOST]
    assert sum(r.kind == Kind.CLOSE for r in records) == len(connections)


def fill(sender: TeeSender) -> int:
    filler = sender.open(1, ADDRESSES)
    while not sender.lost_connections:
        sender.data(filler, REQUEST, 1, memoryview(bytes(100)))
    sender.flush()
    return filler


def test_an_idle_channel_starts_again_at_its_beginning() -> None:
    channel = TeeChannel(1 << 20)
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    connection = sender.open(1, ADDRESSES)

    for _ in range(300):
        sender.data(connection, REQUEST, 1, memoryview(bytes(10_000)))
        sender.flush()
        assert sum(len(record.payload) for record in drain(receiver)) >= 10_000

    assert not any(channel.memory[400_000:])
    channel.close()


def test_a_tail_that_makes_no_sense_stops_copying_and_nothing_else(channel: TeeChannel) -> None:
    sender = TeeSender(channel)
    channel.words[TAIL] = 1 << 60

    connection = sender.open(1, ADDRESSES)
    sender.data(connection, REQUEST, 1, memoryview(b"x"))
    sender.flush()

    assert sender.lost_connections == 1


def test_a_ring_that_makes_no_sense_loses_every_connection_and_goes_on(channel: TeeChannel) -> None:
    sender, receiver = TeeSender(channel), TeeReceiver(channel)
    connection = sender.open(1, ADDRESSES)
    sender.flush()
    drain(receiver)
    sender.data(connection, REQUEST, 1, memoryview(b"x" * 40))
    sender.flush()
    place = channel.words[TAIL] + 4096
    channel.memory[place : place + 4] = b"\xff\xff\xff\x7f"

    records = drain(receiver)
    sender.close(connection, 2, CloseReason.EOF)
    sender.flush()
    records += drain(receiver)

    assert [record.kind for record in records] == [Kind.LOST, Kind.CLOSE]
    assert receiver.corrupt_total == 1
    assert channel.words[TAIL] == channel.words[HEAD]


class Relaying:
    """A sender and a receiver that anything may happen to, and what was truly sent."""

    def __init__(self) -> None:
        self.channel = TeeChannel(RING_BYTES)
        self.sender, self.receiver = TeeSender(self.channel), TeeReceiver(self.channel)
        self.sent: dict[int, bytes] = {}
        self.live: list[int] = []
        self.heard: list[list[TeeRecord]] = [[]]  # by receiver

    def open(self) -> None:
        self.live.append(self.sender.open(1, ADDRESSES))
        self.sent[self.live[-1]] = b""

    def data(self, connection: int, size: int) -> None:
        payload = bytes([connection % 251]) * size
        self.sender.data(connection, REQUEST, 2, memoryview(payload))
        self.sent[connection] += payload

    def close(self, connection: int) -> None:
        self.sender.close(connection, 4, CloseReason.EOF)
        self.live.remove(connection)

    def new_receiver(self) -> None:
        self.receiver = TeeReceiver(self.channel)
        self.heard.append([])

    def new_sender(self) -> None:
        self.sender = TeeSender(self.channel)
        self.live.clear()

    def read(self) -> None:
        self.heard[-1] += self.receiver.read()

    def step(self, name: str, which: int, size: int) -> None:
        if name in ("data", "eof", "close"):
            if self.live:
                connection = self.live[which % len(self.live)]
                if name == "data":
                    self.data(connection, size)
                elif name == "eof":
                    self.sender.eof(connection, REQUEST, 3)
                else:
                    self.close(connection)
        elif name == "flush":
            self.sender.flush()
        else:
            getattr(self, name)()


STEPS = ["open", "data", "eof", "close", "flush", "read", "new_receiver", "new_sender"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 1500)), max_size=120))
def test_whatever_happens_a_connection_is_read_whole_or_said_to_be_lost(
    steps: list[tuple[str, int, int]],
) -> None:
    relaying = Relaying()

    for name, which, size in steps:
        relaying.step(name, which, size)
    for _ in range(5):
        relaying.sender.flush()
        relaying.heard[-1] += drain(relaying.receiver)

    for records in relaying.heard:
        for connection in {record.connection for record in records}:
            check(
                [record for record in records if record.connection == connection], relaying.sent[connection]
            )
    assert relaying.sender.waiting_notices == 0
    relaying.channel.close()


def check(records: list[TeeRecord], sent: bytes) -> None:
    kinds = [record.kind for record in records]
    assert kinds[0] in (Kind.OPEN, Kind.LOST)
    for once in (Kind.OPEN, Kind.LOST, Kind.CLOSE):
        assert kinds.count(once) <= 1
    if Kind.LOST in kinds:
        assert set(kinds[kinds.index(Kind.LOST) + 1 :]) <= {Kind.CLOSE}
    if Kind.CLOSE in kinds:
        assert kinds[-1] == Kind.CLOSE
    data = b"".join(record.payload for record in records if record.kind == Kind.DATA)
    assert sent.startswith(data)
    ended = kinds[-1] == Kind.CLOSE and records[-1].payload != CloseReason.RELAY_DIED
    if ended and Kind.LOST not in kinds:
        assert data == sent
