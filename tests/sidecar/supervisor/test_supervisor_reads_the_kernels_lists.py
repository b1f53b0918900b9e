"""From the kernel's lists of sockets to: does the model listen, by which protocols, and who bypasses us."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import socket

import pytest

from llmmonitor_sidecar import linux
from llmmonitor_sidecar.supervisor import coverage, mesh
from llmmonitor_sidecar.supervisor.coverage import Coverage
from llmmonitor_sidecar.supervisor.ruleset import Families
from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis, TcpSocket
from llmmonitor_sidecar.supervisor.target import families_listening, local_addresses

NOBODY = TcpSocket(
    family=socket.AF_INET,
    local=bytes(4),
    local_port=8000,
    remote=bytes(4),
    remote_port=0,
    uid=0,
    inode=1,
    ipv6_only=False,
    transparent=False,
)
ANYWHERE: frozenset[bytes] = frozenset()


def _at(address: str, port: int = 8000, *, ipv6_only: bool = False) -> TcpSocket:
    local = ipaddress.ip_address(address).packed
    family = socket.AF_INET if len(local) == 4 else socket.AF_INET6
    return dataclasses.replace(NOBODY, family=family, local=local, local_port=port, ipv6_only=ipv6_only)


def _between(local: str, remote: str, *, ours: bool = False, transparent: bool = False) -> TcpSocket:
    (here, here_port), (there, there_port) = (end.rsplit(":", 1) for end in (local, remote))
    return dataclasses.replace(
        NOBODY,
        local=ipaddress.ip_address(here).packed,
        local_port=int(here_port),
        remote=ipaddress.ip_address(there).packed,
        remote_port=int(there_port),
        uid=65532 if ours else 1000,
        transparent=transparent,
    )


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        ([], Families()),
        ([_at("0.0.0.0", 8001)], Families()),
        ([_at("0.0.0.0")], Families(ipv4=True)),
        ([_at("::")], Families(ipv4=True, ipv6=True)),
        ([_at("::", ipv6_only=True)], Families(ipv6=True)),
        ([_at("::", ipv6_only=True), _at("0.0.0.0")], Families(ipv4=True, ipv6=True)),
        ([_at("10.1.2.3")], Families(ipv4=True)),
        ([_at("fd00::1")], Families(ipv6=True)),
        ([_at("127.0.0.1"), _at("::1")], Families()),
    ],
)
def test_from_outside_a_pod(listeners: list[TcpSocket], expected: Families) -> None:
    assert families_listening(listeners, 8000, ANYWHERE) == expected


@pytest.mark.parametrize(
    ("host", "listener", "expected"),
    [
        ("127.0.0.1", _at("127.0.0.1"), Families(ipv4=True)),
        ("127.0.0.1", _at("0.0.0.0"), Families(ipv4=True)),
        ("127.0.0.1", _at("::"), Families(ipv4=True)),
        ("127.0.0.1", _at("::", ipv6_only=True), Families()),
        ("127.0.0.1", _at("127.0.0.2"), Families()),
        ("localhost", _at("::1"), Families(ipv6=True)),
        ("[::1]", _at("::1"), Families(ipv6=True)),
    ],
)
def test_at_one_address(host: str, listener: TcpSocket, expected: Families) -> None:
    assert families_listening([listener], 8000, local_addresses(host)) == expected


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "model.example"])
def test_an_address_of_another_machine_is_not_local(host: str) -> None:
    assert local_addresses(host) == frozenset()


def test_transparent_coverage_tells_ours_from_others() -> None:
    at_port = [
        _between(
            "10.0.0.1:8000", "10.0.0.9:5000", transparent=True
        ),  # the relay's end of a client's connection
        _between("10.0.0.1:8000", "10.0.0.1:6000"),  # the model's end of the relay's
        _between("10.0.0.1:8000", "10.0.0.1:6001"),  # ... of the analyser's
        _between("10.0.0.1:8000", "10.0.0.1:7000"),  # ... of a neighbour container's
        _between("10.0.0.1:8000", "10.0.0.9:5001"),  # ... of a client's from before
    ]
    to_port = [
        _between("10.0.0.1:6000", "10.0.0.1:8000", ours=True),
        _between("10.0.0.1:6001", "10.0.0.1:8000", ours=True),
        _between("10.0.0.1:7000", "10.0.0.1:8000"),
    ]

    counted = coverage.transparent(at_port, to_port, lambda end: end.uid == 65532)

    assert counted == Coverage(read=1, bypassing=2)


def test_listen_coverage_counts_who_connects_past_the_relay() -> None:
    at_port = [
        _between("127.0.0.1:8000", "127.0.0.1:6000"),
        _between("127.0.0.1:8000", "127.0.0.1:7000"),
    ]
    to_port = [_between("127.0.0.1:6000", "127.0.0.1:8000", ours=True)]

    counted = coverage.listening(at_port, to_port, lambda end: end.uid == 65532, relay_connections=1)

    assert counted == Coverage(read=1, bypassing=1)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_kernel_lists_real_sockets_with_their_owners(family: socket.AddressFamily, host: str) -> None:
    diagnosis = SocketDiagnosis()
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        (listener,) = diagnosis.listeners(port)
        assert listener.local == ipaddress.ip_address(host).packed
        assert (listener.inode, listener.uid) == (os.fstat(server.fileno()).st_ino, os.getuid())

        with socket.create_connection((host, port)) as client, server.accept()[0] as accepted:
            (at_port,) = diagnosis.established(local_port=port)
            (to_port,) = diagnosis.established(remote_port=port)
            assert (at_port.remote, at_port.remote_port) == (to_port.local, to_port.local_port)
            assert to_port.local_port == client.getsockname()[1]
            inodes = linux.socket_inodes(os.getpid())
            assert inodes is not None
            assert {at_port.inode, to_port.inode} <= inodes
            assert at_port.inode == os.fstat(accepted.fileno()).st_ino

    assert all(found.local_port != port for found in diagnosis.listeners())
    diagnosis.close()


def test_ipv4_within_an_ipv6_socket_is_seen_as_ipv4() -> None:
    diagnosis = SocketDiagnosis()
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            (at_port,) = diagnosis.established(local_port=port)
    diagnosis.close()

    assert at_port.local == at_port.remote == ipaddress.ip_address("127.0.0.1").packed


@pytest.mark.parametrize(
    ("rules", "listeners", "expected"),
    [
        ("table inet llmmonitor {\n chain prerouting {\n", [_at("0.0.0.0")], ""),
        ("table ip nat {\n chain ISTIO_INBOUND {\n", [], "nftables has ISTIO_INBOUND"),
        ("table ip nat {\n chain PROXY_INIT_REDIRECT {\n", [], "nftables has PROXY_INIT_REDIRECT"),
        ("table ip nat {\n chain KUBE-SERVICES {\n", [], ""),
        ("", [_at("0.0.0.0", 15006)], "port 15006 is Envoy inbound (Istio, Kuma)"),
        ("", [_at("127.0.0.1", 4143)], "port 4143 is linkerd-proxy inbound"),
    ],
)
def test_a_mesh_is_known_by_rules_or_listeners(rules: str, listeners: list[TcpSocket], expected: str) -> None:
    assert mesh.found(rules, listeners) == expected
