"""Invariant 2: each chunk is passed on when it arrives, and does not wait for the next."""

import select
import socket
from collections.abc import Callable
from typing import Any

from llmmonitor_sidecar.relay.flow import Flows
from llmmonitor_sidecar.relay.listener import accept, listen
from llmmonitor_sidecar.tee import RESPONSE, Kind, TeeChannel, TeeReceiver, TeeSender


def test_each_token_arrives_before_the_next_is_sent(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())

    for number in range(500):
        token = b"data: {%d}\n\n" % number
        server.sendall(token)
        assert tools.receive(client, len(token)) == token  # nothing else is on its way that could push it


def test_neither_socket_of_a_connection_uses_nagles_algorithm(model: Any) -> None:
    channel = TeeChannel()
    front = listen(socket.AF_INET, ("127.0.0.1", 0))
    with front, select.epoll() as poll, socket.create_connection(front.getsockname()):
        flows = Flows(poll, TeeSender(channel))

        flows.begin(*accept(front), model.address)

        nodelay = [
            side.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for side in flows.sides.values()
        ]
        assert nodelay == [1, 1]
        flows.stop()
    channel.close()


def test_each_chunk_is_stamped_when_it_was_read(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)
    receiver = TeeReceiver(relay.channel)
    stamps = []

    for _ in range(20):
        server.sendall(b"token")
        tools.receive(client, 5)
        records = tools.read_until(receiver, lambda all_: any(r.kind == Kind.DATA for r in all_))
        (data,) = [record for record in records if record.kind == Kind.DATA]
        assert (data.direction, data.payload) == (RESPONSE, b"token")
        stamps.append(data.at_ns)

    assert stamps == sorted(set(stamps))
