from __future__ import annotations

import errno
import socket

import pytest

from llmmonitor_cli.reserved_port import LOOPBACK, ReservedPort


def test_who_is_told_its_number_can_listen_there_again_and_again() -> None:
    with ReservedPort() as port:
        for _ in range(2):
            with socket.create_server((LOOPBACK, port.number)) as server:
                client = socket.create_connection((LOOPBACK, port.number))
                accepted, _ = server.accept()
                accepted.close()  # first, so that the port would wait if it were not shared
                client.close()


def test_until_then_a_connection_is_refused() -> None:
    with ReservedPort() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port.number))


def test_nobody_else_gets_it_before_it_is_free() -> None:
    port = ReservedPort()
    with socket.socket() as other:
        with pytest.raises(OSError) as refused:  # noqa: PT011 - by its number
            other.bind((LOOPBACK, port.number))
        port.free()
        other.bind((LOOPBACK, port.number))

    assert refused.value.errno == errno.EADDRINUSE


def test_reserved_ports_differ() -> None:
    with ReservedPort() as one, ReservedPort() as other:
        assert one.number != other.number
