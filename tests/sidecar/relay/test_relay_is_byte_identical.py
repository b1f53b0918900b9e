"""Invariant 1: what goes in comes out, both ways, whatever it is and however it is cut."""

import random
import select
import socket
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, Kind, TeeReceiver, TeeRecord

START = random.Random(20).randbytes(1 << 20)
"""Noise to cut payloads from."""


def noise(seeded: random.Random) -> bytes:
    size = seeded.choice((0, 1, seeded.randrange(300), seeded.randrange(20_000), seeded.randrange(400_000)))
    start = seeded.randrange(len(START) - size)
    return START[start : start + size]


class Talker:
    """One end that sends in random pieces and receives in random pieces, then half-closes."""

    def __init__(self, sock: socket.socket, to_send: bytes, seeded: random.Random) -> None:
        sock.settimeout(0)
        self.sock = sock
        self.to_send = memoryview(to_send)
        self.received = bytearray()
        self.ended = False
        self.shut = False
        self.seeded = seeded

    def wants(self) -> tuple[bool, bool]:
        return not self.ended, not self.shut

    def write(self) -> None:
        if self.to_send:
            size = self.seeded.choice((1, 7, 1000, 70_000))
            self.to_send = self.to_send[self.sock.send(self.to_send[:size]) :]
        else:
            self.sock.shutdown(socket.SHUT_WR)
            self.shut = True

    def read(self) -> None:
        chunk = self.sock.recv(self.seeded.choice((10, 1000, 200_000)))
        self.received += chunk
        self.ended = not chunk


def exchange(client: Talker, server: Talker) -> None:
    while True:
        readers = [end for end in (client, server) if end.wants()[0]]
        writers = [end for end in (client, server) if end.wants()[1]]
        if not readers and not writers:
            return
        readable, writable, _ = select.select(
            [end.sock for end in readers], [end.sock for end in writers], [], 20
        )
        assert readable or writable, "the exchange is stuck"
        for end in writers:
            if end.sock in writable:
                end.write()
        for end in readers:
            if end.sock in readable:
                end.read()


def run_exchanges(first_seed: int, count: int, relay: Any, model: Any) -> list[tuple[bytes, bytes]]:
    sent = []
    for seed in range(first_seed, first_seed + count):
        seeded = random.Random(seed)
        request, response = noise(seeded), noise(seeded)
        with socket.create_connection(relay.address) as client_sock, model.accept() as server_sock:
            client, server = Talker(client_sock, request, seeded), Talker(server_sock, response, seeded)
            exchange(client, server)
        assert server.received == request, f"seed {seed}: request differs"
        assert client.received == response, f"seed {seed}: response differs"
        sent.append((request, response))
    return sent


def test_in_random_exchanges_with_random_chunking(start_relay: Callable[..., Any], model: Any) -> None:
    relay = start_relay()

    run_exchanges(0, 400, relay, model)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_in_ten_thousand_random_exchanges(start_relay: Callable[..., Any], model: Any) -> None:
    relay = start_relay()

    run_exchanges(1_000_000, 10_000, relay, model)


def test_and_so_are_the_copies(start_relay: Callable[..., Any], model: Any, tools: Any) -> None:
    relay = start_relay()
    receiver = TeeReceiver(relay.channel)

    for seed in range(40):
        ((request, response),) = run_exchanges(seed, 1, relay, model)
        records = tools.read_until(receiver, lambda all_: bool(all_) and all_[-1].kind == Kind.CLOSE)

        assert records[0].kind == Kind.OPEN
        assert records[-1].payload == CloseReason.EOF
        assert copied(records, REQUEST) == request
        assert copied(records, RESPONSE) == response
        assert sorted(record.direction for record in records if record.kind == Kind.EOF) == [
            REQUEST,
            RESPONSE,
        ]
        assert [record.at_ns for record in records] == sorted(record.at_ns for record in records)


def copied(records: list[TeeRecord], direction: int) -> bytes:
    return b"".join(r.payload for r in records if r.kind == Kind.DATA and r.direction == direction)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        pytest.param(
            b"GET /a HTTP/1.1\r\nHost: m\r\n\r\nGET /b HTTP/1.1\r\nHost: m\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
            id="pipelining",
        ),
        pytest.param(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            id="http2",
        ),
        pytest.param(bytes(range(256)) * 3, bytes(range(255, -1, -1)), id="binary"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000, b"HTTP/1.1 431 No\r\n\r\n", id="headers"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Le", b"", id="half a request"),
    ],
)
def test_for_anything_that_is_said(
    said: bytes, answered: bytes, start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())

    client.sendall(said)

    assert tools.receive(server, len(said)) == said
    server.sendall(answered)
    assert tools.receive(client, len(answered)) == answered


def test_when_the_client_waits_for_100_continue(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"

    client.sendall(head)
    assert tools.receive(server, len(head)) == head
    server.sendall(go_on)
    assert tools.receive(client, len(go_on)) == go_on
    client.sendall(b"body")

    assert tools.receive(server, 4) == b"body"


def test_when_the_connection_is_upgraded(start_relay: Callable[..., Any], connect: Any, tools: Any) -> None:
    client, server = connect(start_relay())
    asked = b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

    client.sendall(asked)
    assert tools.receive(server, len(asked)) == asked
    server.sendall(switched + b"\x81\x02hi")  # the server may speak first after the switch
    assert tools.receive(client, len(switched) + 4) == switched + b"\x81\x02hi"
    client.sendall(b"\x81\x82\x00\x00\x00\x00yo")

    assert tools.receive(server, 8) == b"\x81\x82\x00\x00\x00\x00yo"
