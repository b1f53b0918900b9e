"""The relay's own life: when it listens, what it says on the page, what it does when something runs out."""

import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeChannel, TeeReceiver


def test_refused_stays_refused_while_the_model_does_not_listen(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    address, page = relay.address, relay.page
    client, server = connect(relay)

    page[Slot.ACCEPT_WANTED] = 0
    tools.wait_until(lambda: page[Slot.LISTENING] == 0, "the listener is closed")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    server.sendall(b"still")  # what is open is left alone
    assert tools.receive(client, 5) == b"still"

    page[Slot.ACCEPT_WANTED] = 1
    tools.wait_until(lambda: page[Slot.LISTENING] > 0, "the listener is open again")
    connect(relay)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_client_by_ipv6_reaches_a_model_that_speaks_ipv4(
    start_relay: Callable[..., Any], model: Any, tools: Any
) -> None:
    relay = start_relay(listen_host="::1")

    with (
        socket.create_connection(("::1", relay.page[Slot.LISTENING]), 20) as client,
        model.accept() as server,
    ):
        client.sendall(b"hello")
        assert tools.receive(server, 5) == b"hello"


def test_figures_are_on_the_page(start_relay: Callable[..., Any], connect: Any, tools: Any) -> None:
    relay = start_relay()
    page = relay.page
    client, server = connect(relay)

    client.sendall(b"four")
    tools.receive(server, 4)
    server.sendall(b"answer")
    tools.receive(client, 6)

    tools.wait_until(lambda: page[Slot.BYTES_TO_CLIENT_TOTAL] == 6, "bytes are counted")
    assert page[Slot.BYTES_TO_MODEL_TOTAL] == 4
    assert page[Slot.ACCEPTED_TOTAL] == page[Slot.OPEN_CONNECTIONS] == 1
    assert page[Slot.RELAY_PID] == relay.pid


def test_totals_go_on_under_the_next_relay(start_relay: Callable[..., Any], connect: Any, tools: Any) -> None:
    page = SharedPage()
    first = start_relay(page=page)
    connect(first)
    tools.wait_until(lambda: page[Slot.ACCEPTED_TOTAL] == 1, "the first connection is counted")
    first.kill()

    second = start_relay(page=page)
    connect(second)

    tools.wait_until(lambda: page[Slot.ACCEPTED_TOTAL] == 2, "the second connection is counted too")
    assert page[Slot.OPEN_CONNECTIONS] == 1


def test_a_stopped_loop_has_no_heartbeat(start_relay: Callable[..., Any], tools: Any) -> None:
    relay = start_relay()
    page = relay.page
    first = page[Slot.HEARTBEAT_NS]
    tools.wait_until(lambda: page[Slot.HEARTBEAT_NS] > first, "the heart beats")

    relay.signal(signal.SIGSTOP)
    tools.wait_until(lambda: relay.state == "T", "the relay is stopped")
    last = page[Slot.HEARTBEAT_NS]
    relay.signal(signal.SIGCONT)

    tools.wait_until(lambda: page[Slot.HEARTBEAT_NS] > last, "the heart beats again")


def test_connections_of_a_killed_relay_are_closed_by_its_successor(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    channel = TeeChannel()
    first = start_relay(channel)
    receiver = TeeReceiver(channel)
    connect(first)
    (opened,) = tools.read_until(receiver, bool)
    first.kill()

    start_relay(channel)
    (closed,) = tools.read_until(receiver, bool)

    assert (closed.kind, closed.connection) == (Kind.CLOSE, opened.connection)
    assert closed.payload == CloseReason.RELAY_DIED


def test_running_out_of_descriptors_waits_and_does_not_spin(
    start_relay: Callable[..., Any], model: Any, tools: Any
) -> None:
    relay = start_relay(descriptors=40)
    page = relay.page
    with contextlib.ExitStack() as clients:
        for _ in range(60):
            clients.enter_context(socket.create_connection(relay.address, 20))
        tools.wait_until(lambda: page[Slot.ACCEPT_STALLED] == 1, "accepting is paused")
        used, failures = relay.cpu_seconds, page[Slot.ACCEPT_FAILURES_TOTAL]
        tools.wait_until(lambda: page[Slot.ACCEPT_FAILURES_TOTAL] >= failures + 5, "it tries on, slowly")
        assert relay.cpu_seconds - used < 0.3

    model.listener.settimeout(0.1)

    def all_gone() -> bool:
        with contextlib.suppress(TimeoutError):
            model.accept().close()
        return bool(page[Slot.OPEN_CONNECTIONS] == 0 and page[Slot.ACCEPT_STALLED] == 0)

    tools.wait_until(all_gone, "the descriptors are free again")
    model.listener.settimeout(20)
    with socket.create_connection(relay.address, 20) as client:
        client.sendall(b"hello")
        said = b""
        while not said:  # connections whose clients are gone may still wait before it
            with model.accept() as server:
                said = server.recv(5)
    assert said == b"hello"


def test_transparent_relay_called_by_its_own_name_does_not_call_itself(
    start_relay: Callable[..., Any], tools: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = start_relay(listener=listener)

        with (
            socket.create_connection(listener.getsockname(), 20) as client,
            pytest.raises(ConnectionResetError),
        ):
            client.recv(1)

        tools.wait_until(lambda: relay.page[Slot.ACCEPTED_TOTAL] == 1, "it was accepted once")
        assert relay.page[Slot.OPEN_CONNECTIONS] == 0
