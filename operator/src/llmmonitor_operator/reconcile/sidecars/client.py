"""One sidecar's endpoints, as the operator uses them: pull a report, push a configuration; all signed.

Pod addresses are asked directly. An address may by now be another pod's: requests name the pod's UID, so a
stranger refuses them, and a stranger's report is not taken either.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import BYTES_LIMIT, Report, UnreadableReport, decode
from llmmonitor_api.signing import RefusedReason, sign_configuration, sign_request
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.sidecars.trust import Trust

T = TypeVar("T")

TIMEOUT_SECONDS = 3.0
CONCURRENT = 512
"""Sidecars that are talked to at once, of all monitors: most of them only wait for an answer."""
_READ_AT_ONCE = 64
"""Answers that are read at once: each may be 2 MiB."""
_OK = 200
_WORDS_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Address:
    """Where a pod's sidecar answers, and who it is."""

    uid: str
    ip: str
    port: int
    begins_with: tuple[str, ...] = ()
    """Names of the keys it believes when its container starts."""

    @property
    def url(self) -> str:
        """Without a path."""
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"http://{host}:{self.port}"


class NoAnswer(Exception):
    """It could not be reached, or not in time; the text says how it failed."""


class RefusedBySidecar(Exception):
    """It answered that it will not; `unknown_key` means that it was made under another key."""

    def __init__(self, message: str, *, unknown_key: bool) -> None:
        self.unknown_key = unknown_key
        super().__init__(message)


class SidecarClient:
    """Talks to sidecars, some at a time. Made once; `session` is the caller's to close."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        keys: Keyring,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self.keys = keys
        """To be set when others are in use."""
        self.trust = Trust()
        self._clock = clock
        self._turn = asyncio.Semaphore(CONCURRENT)
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def report(self, address: Address) -> Report:
        """The report of this moment.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take our signature.
            UnreadableReport: what came is no report.
        """
        path = "/v1/report"

        async def ask(key: SigningKey) -> Report:
            signature = sign_request("GET", path, key.private, address.uid, self._clock())
            report = decode(await self._ask("GET", address, path, headers={"Authorization": signature}))
            self.trust.learned(address.uid, report.identity.trusted_keys or (key.id,))
            return report

        return await self._believed(address, ask)

    async def push(self, address: Address, configuration: Configuration) -> None:
        """Put a configuration in force.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take it.
        """

        async def put(key: SigningKey) -> None:
            document = sign_configuration(configuration, key.private, address.uid, self._clock())
            await self._ask("PUT", address, "/v1/config", data=document.encode())

        await self._believed(address, put)

    async def stop(self, address: Address) -> None:
        """Have it remove its rule and idle: as the newest configuration that it has, with the stop.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take our signature, or the stop.
            UnreadableReport: what it said of itself is no report.
        """
        newest = (await self.report(address)).identity.configuration_generation
        await self.push(address, Configuration(generation=newest, stop=True, public_keys=self.public_keys))

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Whom every sidecar shall believe."""
        return tuple(key.public for key in self.keys.trusted)

    async def _believed(self, address: Address, ask: Callable[[SigningKey], Awaitable[T]]) -> T:
        """Ask with the key it believes; where that is not known any more, with others that it may."""
        order = self.keys.order(self.trust.of(address.uid), address.begins_with)
        for key in order:
            try:
                return await ask(key)
            except NoAnswer:
                self.trust.lost(address.uid)
                raise
            except RefusedBySidecar as error:
                if not error.unknown_key or key is order[-1]:
                    self.trust.lost(address.uid)
                    raise
        raise AssertionError("there is always a key")

    async def _ask(
        self,
        method: str,
        address: Address,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with self._turn:
            try:
                async with self._session.request(
                    method,
                    address.url + path,
                    headers=headers,
                    data=data,
                    timeout=timeout,
                    allow_redirects=False,
                ) as answer:
                    async with self._reading:
                        body = await _bounded(answer.content)
                    status = answer.status
            except TimeoutError as error:
                raise NoAnswer(f"no answer from {address.url} within {TIMEOUT_SECONDS:.0f} s") from error
            except (aiohttp.ClientError, OSError) as error:
                raise NoAnswer(f"{address.url}: {error}") from error
        if status == _OK:
            return body
        words = body[:_WORDS_LIMIT].decode(errors="replace")
        if status in {401, 403}:
            raise RefusedBySidecar(words, unknown_key=RefusedReason.UNKNOWN_KEY in words)
        if method == "GET":
            raise UnreadableReport(f"{address.url} answered {status}: {words}")
        raise RefusedBySidecar(words, unknown_key=False)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """The body, or a chunk more than `decode` takes of it."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > BYTES_LIMIT:
            break
    return bytes(body)
