"""Invariant 3: a slow reader slows the writer, and costs the relay one chunk, not its memory."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

MEMORY_SLACK_BYTES = 4 * 1024 * 1024


def test_a_client_that_does_not_read_stops_the_model(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)
    before = relay.rss_bytes

    taken = tools.fill(server)

    assert relay.rss_bytes < before + MEMORY_SLACK_BYTES
    assert tools.receive(client, len(taken)) == taken


def test_a_model_that_does_not_read_stops_the_client(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)
    before = relay.rss_bytes

    taken = tools.fill(client)

    assert relay.rss_bytes < before + MEMORY_SLACK_BYTES
    assert tools.receive(server, len(taken)) == taken


def test_one_slow_client_does_not_slow_the_others(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    _, stuck = connect(relay)
    tools.fill(stuck)

    client, server = connect(relay)
    for _ in range(100):
        server.sendall(b"token")
        assert tools.receive(client, 5) == b"token"


def test_client_is_not_read_before_the_model_accepts(start_relay: Callable[..., Any], tools: Any) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # fills the accept queue: the next has to wait
            relay = start_relay(target=full.getsockname())
            before = relay.rss_bytes
            with socket.create_connection(relay.address) as client:
                taken = tools.fill(client)
                assert relay.rss_bytes < before + MEMORY_SLACK_BYTES

                full.settimeout(20)
                full.accept()[0].close()
                server, _ = full.accept()

                with server:
                    server.settimeout(20)
                    assert tools.receive(server, len(taken)) == taken


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_body_of_one_gigabyte(start_relay: Callable[..., Any], connect: Any) -> None:
    relay = start_relay()
    client, server = connect(relay)
    before = relay.rss_bytes
    size, block = 1 << 30, bytes(range(256)) * 4096
    high_water = 0

    def send() -> None:
        for _ in range(size // len(block)):
            client.sendall(block)
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = 0
    buffer = bytearray(len(block))
    while chunk := server.recv_into(buffer):
        at = received % 256
        assert buffer[:chunk] == (block[at:] + block[:at])[:chunk]
        received += chunk
        high_water = max(high_water, relay.rss_bytes)
    sender.join()

    assert received == size
    assert high_water < before + MEMORY_SLACK_BYTES
