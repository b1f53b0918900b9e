"""An operator that answers people, a sidecar that keeps cases, and an API server that knows persons."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import KEY, MONITORS, SIGNING, World
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.configuration import ReviewSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.people import PATH, people_key
from llmmonitor_cli.people import Operator
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.paths import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS, service_proxy
from llmmonitor_operator.reconcile.people.desk import Desk
from llmmonitor_operator.reconcile.people.door import Door, open_door
from llmmonitor_sidecar.detectors.finding import Finding, Heard
from llmmonitor_sidecar.detectors.said import Message

DOOR = service_proxy("llm-monitor", "llm-monitor-operator:people", PATH)
REVIEWED = {"content": "Redacted", "review": {}}
FOUND = Finding("jailbreak", "injection-rules", 1, Origin.USER)


@dataclass
class People:
    """What persons meet."""

    world: World
    sidecar: SidecarDouble
    server: KubeServer
    kube: Kube
    port: int
    persons: dict[str, str] = field(default_factory=lambda: {"ada's": "ada", "bob's": "bob"})
    """Names by token."""
    allowed: set[tuple[str, str, str]] = field(default_factory=set)
    """Name, verb and subresource."""
    reviews: list[dict[str, Any]] = field(default_factory=list)
    standby_answers: int = 0
    """How many calls first meet the operator that does not lead."""
    fault: str = ""
    """Part of a path that the API server does not answer."""

    def operator(self, person: str = "ada") -> Operator:
        key = people_key(SIGNING).public_key().public_bytes_raw()
        return Operator(self.kube, *KEY, DOOR, key, f"{person}'s")

    def said(self, text: str, client: str = "", *findings: Finding) -> None:
        """An exchange that the sidecar looked at."""
        heard = Heard(context=(Message(Origin.USER, text),), answers=("No.",), complete=True)
        self.sidecar.review.take(heard, findings or (FOUND,), client, 0.0)

    async def answer(self, request: web.Request) -> web.Response | None:
        """What the API server does with what only people's requests bring."""
        if self.fault and self.fault in request.path:
            return web.Response(status=503)
        if request.path == DOOR:
            return await self._proxied(request)
        if request.path == TOKEN_REVIEWS:
            return await self._token(request)
        if request.path == SUBJECT_ACCESS_REVIEWS:
            return await self._access(request)
        return None

    async def _proxied(self, request: web.Request) -> web.Response:
        if self.standby_answers:
            self.standby_answers -= 1
            body = {"kind": "Status", "reason": "ServiceUnavailable", "message": "no endpoints", "code": 503}
            return web.json_response(body, status=503)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{self.port}{PATH}", data=await request.read()) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type="application/json"
            )

    async def _token(self, request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        name = self.persons.get(spec["token"])
        known = name is not None and not spec.get("audiences")
        user = {"username": name, "groups": ["staff"], "uid": "u-1", "extra": {"scopes": ["a"]}}
        return web.json_response({"status": {"authenticated": known, "user": user if known else {}}})

    async def _access(self, request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        self.reviews.append(spec)
        asked = spec["resourceAttributes"]
        allowed = (spec["user"], asked["verb"], asked["subresource"]) in self.allowed
        return web.json_response({"status": {"allowed": allowed}})


@asynccontextmanager
async def meeting(world: World, server: KubeServer, kube: Kube) -> AsyncIterator[People]:
    """A monitor whose pod keeps cases; ada and bob may look at them and judge."""
    monitor = server.at(f"{MONITORS}/chat")
    server.put(MONITORS, {**monitor, "spec": {**monitor["spec"], "privacy": REVIEWED}})
    async with world.attached() as sidecar:
        await world.passed()
        sidecar.review.configure(ReviewSetting(200, 7 * 86_400.0))
        desk = Desk(world.parts, lambda _key: None, time.time)
        door = Door(desk, lambda: [people_key(SIGNING)], time.time, world.parts.metrics.people)
        async with open_door(door, 0, host="127.0.0.1") as port:
            people = People(world, sidecar, server, kube, port)
            for name in ("ada", "bob"):
                people.allowed |= {(name, "get", "review"), (name, "update", "review")}
            server.fault = people.answer
            yield people
