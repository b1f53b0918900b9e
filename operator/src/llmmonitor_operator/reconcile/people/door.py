"""The HTTP end of it: one route with sealed bodies, on a port of its own, only while this process leads.

Anybody may knock: what cannot be unsealed is refused before anybody is asked. At most so many requests are
served at once, each is bounded in size and time, and none works twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from llmmonitor_api.people import ANSWERED, ASKED, PATH, Act, Ask, Reply, Sealed
from llmmonitor_api.signing.sealed import CannotUnseal, sealed, unsealed
from llmmonitor_operator.plain_app import listening
from llmmonitor_operator.reconcile.metrics.people_metrics import (
    DONE,
    NO_CASE,
    SHOWN,
    UNREADABLE,
    PeopleMetrics,
)
from llmmonitor_operator.reconcile.people.desk import Desk
from llmmonitor_operator.reconcile.people.refusal import Refused, malformed, not_now

BODY_LIMIT = 64 * 1024
AT_ONCE = 8
SECONDS = 30.0
HOLDS_SECONDS = 300.0
"""How old a request may be: two clocks may be so far apart."""
REMEMBERED_LIMIT = 4_096
OF_ONE_LIMIT = 1_024
"""Of them those of one person."""
_SHUTDOWN_SECONDS = 2.0

Keys = Callable[[], Sequence[X25519PrivateKey]]


class Door:
    """Unseals what comes, and seals what goes."""

    def __init__(self, desk: Desk, keys: Keys, clock: Callable[[], float], metrics: PeopleMetrics) -> None:
        """Args: keys: those a request may be sealed to now, the newest first."""
        self._metrics = metrics
        self._desk = desk
        self._keys = keys
        self._clock = clock
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._seen: dict[tuple[str, str], float] = {}
        """When, by person and nonce."""

    async def answer(self, body: bytes) -> bytes:
        """The body of the answer.

        Raises:
            Refused: with the words for the person.
        """
        act, result = UNREADABLE, HTTPStatus.INTERNAL_SERVER_ERROR.name
        try:
            ask = self._read(body)
            act = ask.act.value
            async with asyncio.timeout(SECONDS), self._turn:
                person = await self._desk.known(ask)
                self._once(person.name, ask.nonce, self._clock())
                reply = await self._desk.serve(ask, person)
            result = _result(ask, reply)
        except Refused as refused:
            result = refused.status.name
            raise
        except TimeoutError:
            result = HTTPStatus.GATEWAY_TIMEOUT.name
            raise
        finally:
            self._metrics.asked(act, result.lower())
        return _sealed_to(ask, reply)

    def _read(self, body: bytes) -> Ask:
        try:
            content = msgspec.json.decode(body, type=Sealed).sealed
        except (ValueError, RecursionError) as error:
            raise malformed(f"no sealed request: {error}") from error
        try:
            ask = msgspec.json.decode(self._unsealed(content), type=Ask)
            _sealed_to(ask, Reply())  # else what is done could not be told
        except (ValueError, RecursionError) as error:
            raise malformed(f"not what is asked here: {error}") from error
        now = self._clock()
        if abs(now - ask.at) > HOLDS_SECONDS:
            raise malformed(f"made {now - ask.at:.0f} s ago by this clock; {HOLDS_SECONDS:.0f} s are allowed")
        return ask

    def _unsealed(self, content: bytes) -> bytes:
        for key in self._keys():
            try:
                return unsealed(content, key, ASKED)
            except (CannotUnseal, ValueError):
                continue
        raise malformed("sealed to another key: read the monitor's status again (status.reviewers)")

    def _once(self, person: str, nonce: str, now: float) -> None:
        """Of who is known and may: nobody else can fill the memory, and nobody another's part of it."""
        if (person, nonce) in self._seen:
            raise malformed("this request was answered: make it anew")
        if self._is_full(person):
            self._seen = {one: at for one, at in self._seen.items() if now - at <= 2 * HOLDS_SECONDS}
        if self._is_full(person):
            raise not_now("too many requests in ten minutes")
        self._seen[person, nonce] = now

    def _is_full(self, person: str) -> bool:
        of_one = sum(1 for one, _ in self._seen if one == person)
        return len(self._seen) >= REMEMBERED_LIMIT or of_one >= OF_ONE_LIMIT


def _result(ask: Ask, reply: Reply) -> str:
    if ask.act is not Act.NEXT:
        return DONE
    return NO_CASE if reply.offer is None else SHOWN


def _sealed_to(ask: Ask, reply: Reply) -> bytes:
    return msgspec.json.encode(Sealed(sealed(msgspec.json.encode(reply), ask.reply_to, ANSWERED)))


def make_app(door: Door) -> web.Application:
    """The one route."""

    async def ask(request: web.Request) -> web.Response:
        try:
            body = await door.answer(await request.read())
        except Refused as refused:
            return _refusal(refused.status, str(refused))
        except msgspec.MsgspecError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, f"not what is asked here: {error}")
        except TimeoutError:
            return _refusal(HTTPStatus.GATEWAY_TIMEOUT, f"not done within {SECONDS:.0f} s")
        return web.Response(body=body, content_type="application/json")

    app = web.Application(client_max_size=BODY_LIMIT)
    app.router.add_post(PATH, ask)
    return app


def _refusal(status: HTTPStatus, message: str) -> web.Response:
    """As the API server spells refusals, so that a client of it reads them."""
    body = {"kind": "Status", "status": "Failure", "code": status, "reason": status.name, "message": message}
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


@asynccontextmanager
async def open_door(door: Door, port: int, *, host: str | None = None) -> AsyncIterator[int]:
    """Serve as long as the context lasts; gives the port (a free one for 0).

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(
        make_app(door), handle_signals=False, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    async with listening(runner, port, host=host) as bound:
        yield bound
