"""One sidecar's endpoints, as the operator uses them: pull a report, push a configuration; all signed.

Pod addresses are asked directly. An address may by now be another pod's: requests name the pod's UID, so a
stranger refuses them, and a stranger's report is not taken either.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.people import people_key
from llmmonitor_api.report import repeated
from llmmonitor_api.report.report import Report, UnreadableReport, decode
from llmmonitor_api.report.told import HEADER
from llmmonitor_api.review import Gone, Offer, Offered
from llmmonitor_api.signing import RefusedReason, sign_configuration, sign_request
from llmmonitor_api.signing.sealed import sealed
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.connection import Answer, Broken, NotHttp
from llmmonitor_operator.reconcile.sidecars.heard import Heard, S
from llmmonitor_operator.reconcile.sidecars.repeating import Repeating
from llmmonitor_operator.reconcile.sidecars.signatures import Signatures
from llmmonitor_operator.reconcile.sidecars.trust import Trust
from llmmonitor_operator.reconcile.sidecars.wire import TIMEOUT_SECONDS, Asked, Connections

T = TypeVar("T")

CONCURRENT = 512
"""Sidecars that are asked at once, of all monitors: most of them only wait for an answer."""
PUSHED_TO_AT_ONCE = 256
"""Beside those: a change does not stand in line behind ten thousand reports."""
_OK = 200
_UNSIGNED = frozenset({401, 403})
"""Statuses of what is wrong with a signature or a link alone."""
_REPORT = "/v1/report"
_WORDS_LIMIT = 300


@dataclass(slots=True)
class Begun:
    """A report that was asked for; not frozen, as `heard.Heard`."""

    address: Address
    key: SigningKey
    """That it was signed with."""
    asked: Asked


class NoAnswer(Exception):
    """It could not be reached, or not in time; the text says how it failed."""


class RefusedBySidecar(Exception):
    """It answered that it will not, in words; `reason` is one of `RefusedReason`, or empty."""

    def __init__(self, message: str, reason: str = "") -> None:
        self.reason = reason
        super().__init__(message)

    @property
    def unknown_key(self) -> bool:
        """Whether it was made under another key."""
        return self.reason == RefusedReason.UNKNOWN_KEY

    @property
    def other_pod(self) -> bool:
        """Whether the one that answered is another pod's sidecar."""
        return self.reason == RefusedReason.OTHER_POD


class _Refusal(msgspec.Struct):
    reason: str
    message: str


class _Refused(msgspec.Struct):
    """The body of a refusal, as `endpoints.answer` of the sidecar writes it."""

    error: _Refusal


class SidecarClient:
    """Talks to sidecars, some at a time. Made once; `connections` are the caller's to close."""

    def __init__(
        self,
        connections: Connections,
        keys: Keyring,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connections = connections
        self._people_key = (keys, people_key(keys.current.private).public_key().public_bytes_raw())
        self.keys = keys
        """To be set when others are in use."""
        self.trust = Trust()
        self.signatures = Signatures()
        self.repeating = Repeating(connections, clock)
        self._clock = clock
        self._begun = 0
        """Reports that were asked for and are waited for, beside those that have a turn."""
        self._turns = {
            "GET": asyncio.Semaphore(CONCURRENT),
            "PUT": asyncio.Semaphore(PUSHED_TO_AT_ONCE),
            "DELETE": asyncio.Semaphore(PUSHED_TO_AT_ONCE),
        }

    async def report(self, address: Address, has: str = "") -> Report:
        """The report of this moment: see `hear`."""
        return (await self.hear(address, has, decode)).said

    async def hear(self, address: Address, has: str, read: Callable[[bytes], S]) -> Heard[S]:
        """The report of this moment, and the bytes that it came in.

        Args:
            address: whom to ask.
            has: the report that is known, whose totals need not be told again (`report.told`); empty: all
                totals are asked for.
            read: `report.decode`, or `glance` where that is enough.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take our signature.
            UnreadableReport: what came is no report, or another pod's.
        """

        async def ask(key: SigningKey) -> Heard[S]:
            def request() -> bytes:
                return self._for_report(address, key, has)

            try:
                answer = await self._ask("GET", address, request)
            except RefusedBySidecar:
                if not self.signatures.refused(address.uid):
                    raise
                answer = await self._ask("GET", address, request)
            return self._heard(address, key, answer, read)

        try:
            return await self._believed(address, ask)
        except NoAnswer:
            self.signatures.unanswered(address.uid)
            raise

    def begin(self, address: Address, has: str = "", repeat: repeated.Repeat | None = None) -> Begun | None:
        """Ask for a report where that is all but certain to go well: over an open connection, at once.

        Hundreds of reports a second are asked for, nearly all of them so; a task, a turn and a few coroutines
        for each take longer than all else that is done to ask. None: nothing was asked, `hear` does it.

        Args:
            address: whom to ask.
            has: see `hear`.
            repeat: for how many reports it is asked; those after the first are had by `repeating`.
        """
        if self._begun >= CONCURRENT:
            return None
        key = self.keys.order(self.trust.of(address.uid), address.begins_with)[0]
        times = self.repeating.begin(address.uid, has, repeat.times if repeat else 0)
        again = f"{repeated.HEADER}: {repeat}\r\n" if times else ""
        asked = self._connections.begin(
            address.ip, address.port, lambda: self._for_report(address, key, has, again), times
        )
        if asked is None:
            self.repeating.over(address.uid)
            return None
        self._begun += 1
        return Begun(address, key, asked)

    async def end(self, begun: Begun, read: Callable[[bytes], S]) -> Heard[S] | None:
        """What came of it, read as in `hear`; None: it went otherwise, and what comes of `hear` counts.

        Raises:
            NoAnswer: not in time.
            UnreadableReport: what came is no report, or another pod's.
        """
        address = begun.address
        try:
            answer = await self._connections.answer(begun.asked)
        except TimeoutError as error:
            self.trust.lost(address.uid)
            self.signatures.unanswered(address.uid)
            self.repeating.failed(address.uid)
            raise _too_late(address) from error
        except (OSError, Broken, NotHttp):
            self.repeating.failed(address.uid)
            return None
        finally:
            self._begun -= 1
        if answer.status != _OK:
            self.signatures.refused(address.uid)
            if answer.status not in _UNSIGNED:
                self.repeating.failed(address.uid)
            return None
        return self._heard(address, begun.key, answer.body, read)

    def give_up(self, begun: Begun) -> None:
        """Nobody waits for it any more."""
        self._begun -= 1
        self._connections.drop(begun.asked)

    def _for_report(self, address: Address, key: SigningKey, has: str, again: str = "") -> bytes:
        signature = self.signatures.of(_REPORT, key, address.uid, self._clock())
        since = f"{HEADER}: {has}\r\n" if has else ""
        return _request("GET", address, _REPORT, f"Authorization: {signature}\r\n{since}{again}")

    def _heard(self, address: Address, key: SigningKey, body: bytes, read: Callable[[bytes], S]) -> Heard[S]:
        said = read(body)
        identity = said.identity
        if identity.pod_uid != address.uid:
            raise UnreadableReport(
                f"the report from {address.url} is of pod UID {identity.pod_uid}, this pod's is {address.uid}"
            )
        self.signatures.heard(address.uid, follows_links=identity.follows_links)
        self.trust.learned(address.uid, identity.trusted_keys or (key.id,))
        return Heard(said, body)

    async def push(self, address: Address, configuration: Configuration) -> None:
        """Put a configuration in force.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take it.
        """

        async def put(key: SigningKey) -> None:
            def request() -> bytes:
                document = sign_configuration(configuration, key.private, address.uid, self._clock())
                length = f"Content-Length: {len(document)}\r\n"
                return _request("PUT", address, "/v1/config", length) + document.encode()

            await self._ask("PUT", address, request)

        await self._believed(address, put)

    async def case(
        self, address: Address, to: bytes, kind: str | None, skip: Collection[str]
    ) -> Offer | None:
        """A redacted case, sealed to `to` (X25519, raw); None: it has none.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not take our signature.
            UnreadableReport: it is of a version that keeps none, or what came is no case.
        """
        query = {"to": b64(to), "skip": ",".join(skip), **({} if kind is None else {"kind": kind})}
        answer = await self._asked("GET", address, f"/v1/review?{urlencode(query)}", Offered)
        return answer.offer

    async def drop(self, address: Address, case: str) -> int:
        """Have it forget a case that was judged; how many went.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not do it.
            UnreadableReport: what came is no answer to that.
        """
        path = f"/v1/review?{urlencode({'case': case})}"
        return (await self._asked("DELETE", address, path, Gone)).cases

    async def erase(self, address: Address, client: str) -> Gone:
        """Have it forget a client, by address or header, which it alone reads.

        Raises:
            NoAnswer: it could not be reached.
            RefusedBySidecar: it did not do it.
            UnreadableReport: it publishes no key to seal to, or what came is no answer to that.
        """
        clients = (await self.report(address)).clients
        if clients is None or not clients.sealing_key:
            raise UnreadableReport(f"{address.url} is of a version that erases nothing")
        try:
            given = b64(sealed(client.encode(), clients.sealing_key, address.uid))
        except ValueError as error:  # damaged, or not ours: the other pods' figures are erased all the same
            raise UnreadableReport(f"{address.url} publishes no key to seal to: {error}") from error
        return await self._asked("DELETE", address, f"/v1/clients?{urlencode({'client': given})}", Gone)

    async def _asked(self, method: str, address: Address, path: str, form: type[T]) -> T:
        async def ask(key: SigningKey) -> T:
            def request() -> bytes:
                signature = sign_request(method, path, key.private, address.uid, self._clock())
                return _request(method, address, path, f"Authorization: {signature}\r\n")

            answer = await self._ask(method, address, request)
            try:
                return msgspec.json.decode(answer, type=form)
            except (ValueError, RecursionError) as error:
                raise UnreadableReport(f"{address.url}: {error}") from error

        return await self._believed(address, ask)

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

    @property
    def people_key(self) -> bytes:
        """What people seal their requests to; derived once from each key."""
        keys, public = self._people_key
        if keys is not self.keys:
            public = people_key(self.keys.current.private).public_key().public_bytes_raw()
            self._people_key = self.keys, public
        return public

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

    async def _ask(self, method: str, address: Address, request: Callable[[], bytes]) -> bytes:
        beside = method != "GET"  # what is told goes on beside a change, and says what came of it
        if not beside:
            self.repeating.over(address.uid)
        async with self._turns[method]:
            try:
                answer = await self._answer(address, request, beside=beside)
            except TimeoutError as error:
                raise _too_late(address) from error
            except (OSError, Broken, NotHttp) as error:
                raise NoAnswer(f"{address.url}: {error}") from error
        if answer.status == _OK:
            return answer.body
        words, reason = _in_words(answer.body)
        if method == "GET" and answer.status not in _UNSIGNED:
            raise UnreadableReport(f"{address.url} answered {answer.status}: {words}")
        raise RefusedBySidecar(words, reason)

    async def _answer(self, address: Address, request: Callable[[], bytes], *, beside: bool) -> Answer:
        """Once more where an idle connection turns out to be closed; signed anew, since each works once."""
        try:
            return await self._connections.ask(address.ip, address.port, request(), beside=beside)
        except Broken as error:
            if not error.unused:
                raise
        return await self._connections.ask(address.ip, address.port, request(), beside=beside)


def _too_late(address: Address) -> NoAnswer:
    return NoAnswer(f"no answer from {address.url} within {TIMEOUT_SECONDS:.0f} s")


def _in_words(body: bytes) -> tuple[str, str]:
    """Why it will not, for people and for programs; what is no refusal of a sidecar stays as it came."""
    try:
        error = msgspec.json.decode(body, type=_Refused).error
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return body[:_WORDS_LIMIT].decode(errors="replace"), ""
    return error.message[:_WORDS_LIMIT], error.reason


def b64(data: bytes) -> str:
    """As a query carries bytes."""
    return base64.urlsafe_b64encode(data).decode()


def _request(method: str, address: Address, path: str, headers: str) -> bytes:
    host = address.url.removeprefix("http://")
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n{headers}\r\n".encode()
