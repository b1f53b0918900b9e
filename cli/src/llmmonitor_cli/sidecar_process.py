"""A sidecar beside the CLI instead of in a pod: the same program in `listen` mode, as an ordinary process.

The CLI is its operator: it makes the key in memory, names the "pod", gives the configuration at the start
and pulls reports, each request signed. The sidecar dies with the CLI (PR_SET_PDEATHSIG), also when that is
killed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import BYTES_LIMIT, Report, UnreadableReport
from llmmonitor_api.signing import generate_private_key, public_key_bytes
from llmmonitor_cli.reserved_port import LOOPBACK, ReservedPort
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.wire import Connections
from llmmonitor_sidecar.linux import die_with_parent

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_PULL_SECONDS = 3.0
_OUR_OWN = (LOOPBACK, "localhost", "0.0.0.0")


class SidecarFailed(RuntimeError):
    """The sidecar did not start, or has ended; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Target:
    """The model server to watch."""

    host: str
    port: int
    pid: int | None = None
    """Where it is known; else the owner of the port is looked up."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class SidecarProcess:
    """A running sidecar. Made by `sidecar_beside`."""

    listen: str
    """Where clients connect instead of to the model: `HOST:PORT`."""
    log: Path
    _process: asyncio.subprocess.Process
    _session: aiohttp.ClientSession
    _address: Address
    _client: SidecarClient
    started_at: float = field(default_factory=time.time)

    @property
    def api(self) -> str:
        """Its own endpoints: `http://HOST:PORT`."""
        return self._address.url

    @property
    def pod_uid(self) -> str:
        """Who it is, in place of a pod."""
        return self._address.uid

    async def report(self) -> Report:
        """The report of this moment.

        Raises:
            SidecarFailed: if the sidecar has ended.
            UnreadableReport: if it did not answer in time or not with a report.
        """
        try:
            return await self._client.report(self._address)
        except NoAnswer as error:
            self._check_alive()
            raise UnreadableReport(f"no answer from the sidecar: {error}") from error
        except RefusedBySidecar as error:
            raise UnreadableReport(f"the sidecar refused to report: {error}") from error

    def _check_alive(self) -> None:
        if self._process.returncode is not None:
            raise SidecarFailed(
                f"the sidecar ended with status {self._process.returncode}; its log:\n{_last_words(self.log)}"
            )

    async def _started(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            self._check_alive()
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.get(self.api + "/healthz") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.05)
        raise SidecarFailed(
            f"the sidecar did not answer within {_START_SECONDS:.0f} s:\n{_last_words(self.log)}"
        )


@asynccontextmanager
async def sidecar_beside(
    target: Target, listen_port: int | None, configuration: Configuration, log: Path
) -> AsyncIterator[SidecarProcess]:
    """Run a sidecar in front of `target` as long as the context lasts; its log goes to `log`.

    Raises:
        SidecarFailed: if it does not start, with its last words, or cannot listen there.
    """
    with ReservedPort() as api, ReservedPort() as spare:
        listen = _checked(listen_port, target) if listen_port else spare.number
        async with _sidecar_on(target, listen, api.number, configuration, log) as sidecar:
            yield sidecar


@asynccontextmanager
async def _sidecar_on(
    target: Target, listen: int, api: int, configuration: Configuration, log: Path
) -> AsyncIterator[SidecarProcess]:
    """The same with both ports given."""
    key, pod_uid = generate_private_key(), str(uuid.uuid4())
    environment = {
        "LLM_MONITOR_MODE": "listen",
        "LLM_MONITOR_TARGET_HOST": target.host,
        "LLM_MONITOR_TARGET_PORT": str(target.port),
        "LLM_MONITOR_LISTEN_HOST": LOOPBACK,
        "LLM_MONITOR_LISTEN_PORT": str(listen),
        "LLM_MONITOR_API_HOST": LOOPBACK,
        "LLM_MONITOR_API_PORT": str(api),
        "LLM_MONITOR_STOP_GRACE": "0s",
        "LLM_MONITOR_POD_UID": pod_uid,
        "LLM_MONITOR_POD_NAME": str(target),
        "LLM_MONITOR_PUBLIC_KEY": base64.b64encode(public_key_bytes(key)).decode(),
        "LLM_MONITOR_CONFIGURATION": msgspec.json.encode(configuration).decode(),
    }
    if target.pid is not None:
        environment["LLM_MONITOR_MODEL_PID"] = str(target.pid)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PULL_SECONDS)) as session:
        connections = Connections(BYTES_LIMIT)
        with log.open("wb") as output:
            process = await spawn(
                [sys.executable, "-m", "llmmonitor_sidecar.main"], environment, output.fileno()
            )
        try:
            sidecar = SidecarProcess(
                listen=f"{LOOPBACK}:{listen}",
                log=log,
                _process=process,
                _session=session,
                _address=Address(pod_uid, LOOPBACK, api),
                _client=SidecarClient(connections, Keyring(SigningKey.of(key))),
            )
            await sidecar._started()  # noqa: SLF001 - same module, not for others
            yield sidecar
        finally:
            connections.close()
            await end(process)


async def spawn(
    command: list[str], environment: dict[str, str], output: int, *, killed_with_us: bool = True
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own (a terminal's Ctrl-C does not reach it) that ends with us."""
    dying = functools.partial(die_with_parent, signal.SIGTERM, os.getpid())
    return await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=dying if killed_with_us else None,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Stop a program: SIGTERM, and SIGKILL when that takes too long."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
                return


@contextmanager
def scratch_file() -> Iterator[Path]:
    """A file that has no name, so that nothing is left of it however we end; the path is good here only."""
    with tempfile.TemporaryFile() as file:
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _checked(port: int, target: Target) -> int:
    """A port that was asked for, while nobody else has it: clients sent to it would reach them, not us."""
    if port == target.port and target.host in _OUR_OWN:
        raise SidecarFailed(f"clients cannot be given port {port}: it is the model's own; listen on another")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise SidecarFailed(f"cannot listen on {LOOPBACK}:{port}: {error}") from error
    return port


def _last_words(log: Path) -> str:
    return "".join(log.read_text(errors="replace").splitlines(keepends=True)[-20:])
