"""Invariant 5: the analyser stopped, slow or dead changes nothing for traffic, and what it missed is said."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeChannel, TeeReceiver, TeeRecord

SMALL_RING_BYTES = 256 * 1024
MORE_THAN_THE_RING = 1024 * 1024


@pytest.fixture
def channel() -> Iterator[TeeChannel]:
    channel = TeeChannel(SMALL_RING_BYTES)
    yield channel
    channel.close()


def say(client: Any, server: Any, size: int, tools: Any) -> None:
    """A question and an answer of this size, which must arrive."""
    for _ in range(0, size, 10_000):
        client.sendall(b"q" * 100)
        assert tools.receive(server, 100) == b"q" * 100
        server.sendall(b"a" * 10_000)
        assert tools.receive(client, 10_000) == b"a" * 10_000


def kinds(records: list[TeeRecord], connection: int) -> list[int]:
    return [record.kind for record in records if record.connection == connection]


def test_that_never_reads(
    start_relay: Callable[..., Any], connect: Any, channel: TeeChannel, tools: Any
) -> None:
    relay = start_relay(channel)
    client, server = connect(relay)

    say(client, server, MORE_THAN_THE_RING, tools)

    page = relay.page
    least = MORE_THAN_THE_RING - SMALL_RING_BYTES
    tools.wait_until(lambda: page[Slot.TEE_DROPPED_BYTES_TOTAL] > least, "the loss is counted")
    assert page[Slot.TEE_LOST_CONNECTIONS_TOTAL] == 1


def test_that_reads_again_is_told_what_it_missed(
    start_relay: Callable[..., Any], connect: Any, channel: TeeChannel, tools: Any
) -> None:
    relay = start_relay(channel)
    receiver = TeeReceiver(channel)
    client, server = connect(relay)
    say(client, server, MORE_THAN_THE_RING, tools)
    client.close()
    server.close()

    records = tools.read_until(receiver, lambda all_: bool(all_) and all_[-1].kind == Kind.CLOSE)
    late_client, late_server = connect(relay)
    say(late_client, late_server, 10_000, tools)
    late_client.close()
    late_server.close()
    late = tools.read_until(receiver, lambda all_: bool(all_) and all_[-1].kind == Kind.CLOSE)

    assert kinds(records, records[0].connection)[-2:] == [Kind.LOST, Kind.CLOSE]
    assert int(records[-2].payload) > 0
    assert records[-1].payload == CloseReason.EOF
    assert Kind.LOST not in kinds(late, late[0].connection)
    assert b"".join(record.payload for record in late if record.direction == 1).count(b"a") == 10_000


def test_that_is_stopped_in_the_middle(
    start_relay: Callable[..., Any], connect: Any, channel: TeeChannel, tools: Any
) -> None:
    relay = start_relay(channel)
    analyser = tools.fork(lambda: read_for_ever(channel))
    client, server = connect(relay)
    say(client, server, MORE_THAN_THE_RING, tools)

    os.kill(analyser, signal.SIGSTOP)
    say(client, server, MORE_THAN_THE_RING, tools)
    tools.wait_until(lambda: relay.page[Slot.TEE_LOST_CONNECTIONS_TOTAL] == 1, "the loss is counted")
    others = [connect(relay) for _ in range(20)]
    for other_client, other_server in others:
        say(other_client, other_server, 10_000, tools)

    os.kill(analyser, signal.SIGCONT)
    os.kill(analyser, signal.SIGKILL)
    os.waitpid(analyser, 0)
    say(client, server, MORE_THAN_THE_RING, tools)


def test_that_died_is_succeeded_by_one_that_does_not_guess(
    start_relay: Callable[..., Any], connect: Any, channel: TeeChannel, tools: Any
) -> None:
    relay = start_relay(channel)
    known_to_the_first = connect(relay)
    first = TeeReceiver(channel)
    say(known_to_the_first[0], known_to_the_first[1], 10_000, tools)
    seen = tools.read_until(
        first, lambda all_: sum(len(r.payload) for r in all_ if r.kind == Kind.DATA) == 10_100
    )

    second = TeeReceiver(channel)  # the first is never used again: it died
    say(known_to_the_first[0], known_to_the_first[1], 10_000, tools)
    known_to_the_second = connect(relay)
    say(known_to_the_second[0], known_to_the_second[1], 10_000, tools)
    for sock in (*known_to_the_first, *known_to_the_second):
        sock.close()
    records = tools.read_until(second, lambda all_: sum(record.kind == Kind.CLOSE for record in all_) == 2)

    half_known = seen[0].connection
    assert kinds(records, half_known) == [Kind.LOST, Kind.CLOSE]
    (whole,) = {record.connection for record in records} - {half_known}
    assert kinds(records, whole)[0] == Kind.OPEN
    assert Kind.LOST not in kinds(records, whole)


def read_for_ever(channel: TeeChannel) -> None:
    receiver = TeeReceiver(channel)
    while True:
        select.select([receiver], [], [])
        receiver.read()
