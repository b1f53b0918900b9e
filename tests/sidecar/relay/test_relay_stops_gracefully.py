"""Invariant 7: on SIGTERM nothing new is taken, what is open may finish, and the grace period is the end."""

import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeReceiver


def test_open_streams_finish_and_new_connections_are_refused(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay(grace_seconds=60)
    address = relay.address
    client, server = connect(relay)

    relay.signal(signal.SIGTERM)
    tools.wait_until(lambda: relay.page[Slot.LISTENING] == 0, "the listener is closed")

    assert relay.page[Slot.STOPPING] == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    server.sendall(b"rest of the answer")
    server.close()
    assert tools.receive_until_eof(client) == b"rest of the answer"
    client.close()
    assert relay.wait() == 0  # long before the grace period is over


def test_what_is_open_after_the_grace_period_is_reset(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay(grace_seconds=0.2)
    client, server = connect(relay)

    relay.signal(signal.SIGTERM)

    assert relay.wait() == 0
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    records = tools.read_until(
        TeeReceiver(relay.channel), lambda all_: bool(all_) and all_[-1].kind == Kind.CLOSE
    )
    assert records[-1].payload == CloseReason.STOPPED
    assert relay.page[Slot.OPEN_CONNECTIONS] == 0


def test_a_terminals_interrupt_is_left_to_the_supervisor(
    start_relay: Callable[..., Any], connect: Any, tools: Any
) -> None:
    relay = start_relay()
    client, server = connect(relay)

    relay.signal(signal.SIGINT)

    server.sendall(b"token")
    assert tools.receive(client, 5) == b"token"
