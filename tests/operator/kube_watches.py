"""The watches of the fake API server: what happened, told to whoever watches from the version they know on.

They end as by their time-out, break as by a dying connection, and know no more after a compaction.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web
from tests.operator.kube_objects import Key, Target, chosen, within
from tests.operator.kube_refusal import Refusal


class Watches:
    """All that run, and the events they tell."""

    def __init__(self) -> None:
        self.oldest = 0
        """Watches and pages from before it are refused with 410."""
        self._events: list[tuple[int, Key, str, dict[str, Any]]] = []
        self._changed, self._ends, self._breaks = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._ended_at = 0

    def note(self, version: int, key: Key, kind: str, thing: dict[str, Any]) -> None:
        """Something happened."""
        self._events.append((version, key, kind, thing))
        self._changed.set()
        self._changed = asyncio.Event()

    def bookmark(self, version: int) -> None:
        """Tell every watch the version."""
        self.note(version, ("", "", "", ""), "BOOKMARK", {})

    def forget(self, version: int) -> None:
        """Nothing goes on from before this version."""
        self.oldest = version
        self._events.clear()

    def end(self, version: int) -> None:
        """What happened until this version is still told."""
        self._ended_at = version
        self._ends.set()
        self._ends = asyncio.Event()

    def break_off(self) -> None:
        """Nothing is told any more, and nobody is told so."""
        self._breaks.set()
        self._breaks = asyncio.Event()

    async def tell(self, request: web.Request, target: Target, version: int) -> web.StreamResponse:
        """Answer one watch; `version` is the present one."""
        since = int(request.query.get("resourceVersion") or version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        ends, breaks = self._ends, self._breaks
        while True:
            if breaks.is_set():
                if request.transport:
                    request.transport.abort()
                break
            changed = self._changed
            if since < self.oldest:
                error = Refusal(410, f"too old resource version: {since} ({self.oldest})").status
                await response.write(json.dumps({"type": "ERROR", "object": error}).encode() + b"\n")
                break
            for happened, key, kind, thing in list(self._events):
                if happened <= since or (ends.is_set() and happened > self._ended_at):
                    continue
                since = happened
                if kind == "BOOKMARK":
                    thing = {"metadata": {"resourceVersion": str(happened)}}  # noqa: PLW2901
                elif not within(key, target[:4]) or not chosen(thing, request):
                    continue
                await response.write(json.dumps({"type": kind, "object": thing}).encode() + b"\n")
            if ends.is_set():
                break
            await _first(changed, ends, breaks)
        return response


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
