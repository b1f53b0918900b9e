"""Finds the model's first process: by its pid, by its command line, or by who listens on its port."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import psutil

from llmmonitor_sidecar.samplers import containers


class ModelNotVisible(Exception):
    """The model's processes cannot be seen; the message says why and what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHint:
    """What is known about the model's process; the first that is given is used."""

    pid: int | None = None
    command_part: str = ""
    """Text that occurs in its command line."""
    host: str = "127.0.0.1"
    port: int = 0
    in_pod: bool = False
    """Whose socket it is cannot be seen, and every container has a cgroup of its own."""


def find_model(hint: ModelHint, not_these: frozenset[int] = frozenset()) -> psutil.Process:
    """The model's first process, never one of `not_these` (the sidecar's own).

    Raises:
        ModelNotVisible: if there is none, or none that we may see.
    """
    if hint.pid is not None:
        return _by_pid(hint.pid)
    if hint.command_part:
        return _by_command(hint.command_part, not_these)
    return _by_port(hint, not_these)


def is_local(host: str) -> bool:
    """Whether `host` is an address of this machine; names but `localhost` are not asked for in the DNS."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or str(address) in _addresses()


def _addresses() -> set[str]:
    return {
        entry.address.partition("%")[0] for entries in psutil.net_if_addrs().values() for entry in entries
    }


def _by_pid(pid: int) -> psutil.Process:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        raise ModelNotVisible(f"there is no process {pid}") from None


def _by_command(part: str, not_these: frozenset[int]) -> psutil.Process:
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.pid not in not_these and part in " ".join(process.info["cmdline"] or ())
    ]
    if not found:
        raise ModelNotVisible(f"no process that can be seen has {part!r} in its command line")
    return _first(found)


def _by_port(hint: ModelHint, not_these: frozenset[int]) -> psutil.Process:
    host, port = hint.host, hint.port
    if not is_local(host):
        raise ModelNotVisible(f"{host} is no address of this machine")
    listening = [connection for connection in psutil.net_connections("tcp") if _listens(connection, port)]
    if not listening:
        raise ModelNotVisible(f"nobody listens on {host}:{port} of this machine")
    found = [owner for pid in _pids(listening) - not_these if (owner := _owner(pid, port)) is not None]
    if found:
        return _first(found)
    if hint.in_pod:
        return _by_container(port, not_these)
    raise ModelNotVisible(
        f"who listens on port {port} is another user's process: run as that user, or as root"
    )


def _by_container(port: int, not_these: frozenset[int]) -> psutil.Process:
    uids = containers.listening_uids(port)
    try:
        pid = containers.first_of_model(containers.seen(), not_these, port, uids)
    except containers.Ambiguous as why:
        raise ModelNotVisible(
            f"who listens on port {port} is in another container, and {why}:"
            " spec.resources.processes says how to make it visible"
        ) from None
    return _by_pid(pid)


def _listens(connection: Any, port: int) -> bool:
    return (
        connection.status == psutil.CONN_LISTEN and bool(connection.laddr) and connection.laddr.port == port
    )


def _pids(connections: list[Any]) -> set[int]:
    return {connection.pid for connection in connections if connection.pid is not None}


def _owner(pid: int, port: int) -> psutil.Process | None:
    """The process that opened the socket: of those that share one, the kernel's list names any."""
    try:
        owner = psutil.Process(pid)
        for parent in owner.parents():
            if not any(_listens(connection, port) for connection in parent.net_connections("tcp")):
                break
            owner = parent
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return owner
    return owner


def _first(processes: list[psutil.Process]) -> psutil.Process:
    """The oldest: workers that share a socket or a command line come after the one that started them."""
    return min(processes, key=_started)


def _started(process: psutil.Process) -> tuple[float, int]:
    try:
        return process.create_time(), process.pid
    except psutil.NoSuchProcess:
        return float("inf"), process.pid
