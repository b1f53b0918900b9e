"""Invariant 4, and the ends of invariant 1: FIN as FIN in its direction only, RST as RST, both at once."""

import gc
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_sidecar.relay.flow import CONNECT_TIMEOUT_SECONDS, Flows, Side
from llmmonitor_sidecar.relay.listener import accept
from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeChannel, TeeReceiver, TeeRecord, TeeSender


def closed(records: list[TeeRecord]) -> bool:
    return bool(records) and records[-1].kind == Kind.CLOSE


def test_client_ends_its_half_and_still_gets_the_answer(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())

    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)

    assert tools.receive_until_eof(server) == b"question"
    server.sendall(b"answer")
    server.close()
    assert tools.receive_until_eof(client) == b"answer"


def test_model_ends_its_half_and_still_gets_the_question(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())

    server.sendall(b"answer")
    server.shutdown(socket.SHUT_WR)

    assert tools.receive_until_eof(client) == b"answer"
    client.sendall(b"late question")
    client.close()
    assert tools.receive_until_eof(server) == b"late question"


def test_model_sees_the_clients_reset_at_once(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)
    server.sendall(b"data: first\n\n")
    tools.receive(client, 13)

    tools.reset(client)

    with pytest.raises(ConnectionResetError):
        server.recv(1)
    records = tools.read_until(TeeReceiver(relay.channel), closed)
    assert records[-1].payload == CloseReason.CLIENT_RESET


def test_client_sees_the_models_reset_at_once(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)
    client.sendall(b"question")
    tools.receive(server, 8)

    tools.reset(server)

    with pytest.raises(ConnectionResetError):
        client.recv(1)
    records = tools.read_until(TeeReceiver(relay.channel), closed)
    assert records[-1].payload == CloseReason.SERVER_RESET


def test_client_that_closes_while_the_model_streams_is_seen_without_another_token(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())
    server.sendall(b"data: first\n\n")
    tools.receive(client, 13)

    client.close()

    assert server.recv(1) == b""


def test_model_that_streams_on_after_the_client_closed_is_reset(
    start_relay: Callable[..., Any], connect: Any
) -> None:
    client, server = connect(start_relay())
    client.close()
    assert server.recv(1) == b""

    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - the reset answers a send
        while True:
            server.sendall(b"data: token\n\n")
            select.select([], [], [server], 0.01)


def test_reset_is_seen_through_back_pressure(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    client, server = connect(start_relay())
    tools.fill(server)

    tools.reset(client)

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        server.sendall(bytes(100_000_000))


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(625, id="hang-up seen in the pass in which it is wanted again"),
        pytest.param(1000, id="hang-up seen while its peer is slow"),
    ],
)
def test_an_answer_that_outlives_both_ends_neither_spins_nor_is_cut(
    blocks: int, model: Any, tools: Any
) -> None:
    answer = bytes(range(256)) * blocks
    channel = TeeChannel()
    with socket.create_server(("127.0.0.1", 0)) as front, select.epoll() as poll:
        flows = Flows(poll, TeeSender(channel))
        with socket.create_connection(front.getsockname(), 20) as client:
            accepted, address = accept(front)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            flows.begin(accepted, address, model.address)
            client.shutdown(socket.SHUT_WR)
            with model.accept() as server:
                server.sendall(answer)

            turns = turn(poll, flows)  # until epoll is silent: it would report a hang-up without end
            received = bytearray()
            give_up_at = time.monotonic() + 20
            while flows.sides and time.monotonic() < give_up_at:
                if select.select([client], [], [], 0)[0]:
                    received += client.recv(65536)
                turn(poll, flows)
            received += tools.receive_until_eof(client)

        assert turns < 200
        assert received == answer
        assert not flows.sides
    channel.close()


def turn(poll: select.epoll, flows: Flows) -> int:
    """Run the loop until nothing happens; how many turns that took."""
    for turns in range(1000):
        happened = poll.poll(0.05)
        if not happened:
            return turns
        for fd, events in happened:
            flows.handle(flows.sides[fd], events)
    raise AssertionError("epoll never falls silent")


def test_refused_model_gives_the_client_a_reset(
    start_relay: Callable[..., Any], model: Any, tools: Any
) -> None:
    relay = start_relay()
    model.listener.close()

    with (
        pytest.raises(ConnectionResetError),  # at times it comes while connect() still waits
        socket.create_connection(relay.address, 20) as client,
    ):
        client.recv(1)

    records = tools.read_until(TeeReceiver(relay.channel), closed)
    assert [record.kind for record in records] == [Kind.OPEN, Kind.CLOSE]
    assert records[-1].payload == CloseReason.REFUSED


def test_model_that_does_not_accept_in_time_gives_the_client_a_reset() -> None:
    channel = TeeChannel()
    with socket.create_server(("127.0.0.1", 0)) as front, select.epoll() as poll, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        flows = Flows(poll, TeeSender(channel))
        with (
            socket.create_connection(full.getsockname()),  # fills the accept queue: the next has to wait
            socket.create_connection(front.getsockname(), 20) as client,
        ):
            flows.begin(*accept(front), full.getsockname())
            now = time.monotonic()

            flows.expire(now + CONNECT_TIMEOUT_SECONDS - 1)
            assert len(flows) == 1
            flows.expire(now + CONNECT_TIMEOUT_SECONDS + 1)

            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert flows.refused == 1
        assert not flows.sides
    channel.close()


def test_many_connections_ending_at_once_leave_nothing(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    pairs = [connect(relay) for _ in range(200)]
    before = relay.rss_bytes
    for client, server in pairs:
        client.sendall(b"x" * 1000)
        tools.receive(server, 1000)

    for number, (client, server) in enumerate(pairs):
        (tools.reset if number % 2 else socket.socket.close)(client if number % 3 else server)

    for client, server in pairs:
        client.close()
        server.close()
    page = relay.page
    tools.wait_until(lambda: page[Slot.OPEN_CONNECTIONS] == 0, "all connections are gone")
    assert relay.rss_bytes < before + 1_000_000


def test_a_closed_connection_needs_no_garbage_collector(model: Any) -> None:
    gc.disable()
    try:
        channel = TeeChannel()
        with socket.create_server(("127.0.0.1", 0)) as front, select.epoll() as poll:
            flows = Flows(poll, TeeSender(channel))
            with socket.create_connection(front.getsockname()):
                flows.begin(*accept(front), model.address)
                server = model.accept()
                assert len([one for one in gc.get_objects() if isinstance(one, Side)]) == 2
                server.close()
            turn(poll, flows)

            assert not flows.sides
            assert not [one for one in gc.get_objects() if isinstance(one, Side)]
        channel.close()
    finally:
        gc.enable()
