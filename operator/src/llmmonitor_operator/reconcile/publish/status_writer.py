"""The one writer of `status`: conditions at once, figures at most once a minute, nothing new not at all.

What is there is read from the object as it was given; until that has caught up with the last write, what was
written counts. A status changed by another's hand is therefore put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmmonitor_operator.evaluate.status import Judged
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.kube.errors import Invalid, NotFound
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.publish.status_difference import Difference, difference

FIGURES_EVERY_SECONDS = 60.0
LOOK_EVERY_SECONDS = 40.0
"""For news that is of no request, while none comes: it is late by a minute at most."""


@dataclass(frozen=True, slots=True)
class _Written:
    """The last write of one monitor's status."""

    status: Raw
    resource_version: str
    """Of the object with it."""
    at: float


@dataclass(frozen=True, slots=True)
class _Rest:
    """Since when nothing more was to be said of one monitor."""

    judged: Judged
    resource_version: str
    """Of the object then, with the status that was written."""
    since: float
    written: bool
    """Else the status that was there said all."""


class StatusWriter:
    """Writes the status of every monitor."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._written: dict[str, _Written] = {}
        self._rests: dict[str, _Rest] = {}

    def rests(self, raw_monitor: Raw, judged: Judged, now: float, *, quiet: bool = False) -> bool:
        """Whether nothing needs to be written now, whatever the figures are.

        For a minute after a write; and for a while after a look that found nothing new, while it is quiet.

        Args:
            raw_monitor: the object as it was last seen.
            judged: of the evaluation of now.
            now: Unix seconds.
            quiet: since the pass before no requests began, ended or were under way, and nobody judged a case.
        """
        metadata = raw_monitor["metadata"]
        rest = self._rests.get(metadata["uid"])
        if rest is None or rest.judged != judged or not (rest.written or quiet):
            return False
        if not 0 <= now - rest.since < (FIGURES_EVERY_SECONDS if rest.written else LOOK_EVERY_SECONDS):
            return False
        seen = metadata.get("resourceVersion", "")
        return seen == rest.resource_version or not _has_reached(seen, rest.resource_version)

    async def write(
        self, raw_monitor: Raw, status: dict[str, Any], now: float, judged: Judged | None = None
    ) -> bool:
        """Write `status` if it says something new.

        Args:
            raw_monitor: the object as it was last seen.
            status: the whole document.
            now: Unix seconds.
            judged: what is news in it; without it `rests` knows nothing.

        Returns:
            Whether it was written; False too when the monitor is gone or is another by now.

        Raises:
            ApiError: the API server refuses or is away; the next call tries again.
        """
        metadata = raw_monitor["metadata"]
        last = self._written.get(metadata["uid"])
        there, version = _standing(raw_monitor, last)
        found = difference(there, status)
        if found is Difference.NONE:
            self._rest(metadata["uid"], judged, version, now, written=False)
            return False
        if found is Difference.FIGURES and last and 0 <= now - last.at < FIGURES_EVERY_SECONDS:
            return False
        self._rests.pop(metadata["uid"], None)  # a write that fails is tried again
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = paths.monitor_status(metadata["namespace"], metadata["name"])
        try:
            answer = await self._kube.patch(path, operations, Patch.JSON, metadata_only=True)
        except NotFound:
            self.forget(metadata["uid"])
            return False
        except Invalid:
            if await self._is_another(metadata):
                self.forget(metadata["uid"])
                return False
            raise
        version = answer["metadata"]["resourceVersion"]
        self._written[metadata["uid"]] = _Written(status, version, now)
        self._rest(metadata["uid"], judged, version, now, written=True)
        return True

    def figures_wait_until(self, uid: str) -> float:
        """When new figures alone may be written (Unix seconds); 0 before the first write."""
        last = self._written.get(uid)
        return 0.0 if last is None else last.at + FIGURES_EVERY_SECONDS

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._written.pop(uid, None)
        self._rests.pop(uid, None)

    def _rest(self, uid: str, judged: Judged | None, version: str, now: float, *, written: bool) -> None:
        if judged is not None:
            self._rests[uid] = _Rest(judged, version, now, written)

    async def _is_another(self, metadata: Raw) -> bool:
        """Whether the refusal came from the test of the UID, which the API server does not say.

        A list of one, since reading a monitor by name would be a right for this alone.
        """
        path, named = paths.monitors(metadata["namespace"]), f"metadata.name={metadata['name']}"
        there = await self._kube.list(path, field_selector=named)
        return all(one["metadata"]["uid"] != metadata["uid"] for one in there.items)


def _standing(raw_monitor: Raw, last: _Written | None) -> tuple[Raw | None, str]:
    """The status that is there, as far as is known, and the resource version of the object with it."""
    seen: str = raw_monitor["metadata"].get("resourceVersion", "")
    if last and not _has_reached(seen, last.resource_version):
        return last.status, last.resource_version
    return raw_monitor.get("status"), seen


def _has_reached(seen: str, written: str) -> bool:
    """Whether the object seen is as new as the one written.

    Resource versions of one object are numbers that grow (KEP-5504); elsewhere only equality says anything.
    """
    if seen.isdecimal() and written.isdecimal():
        return int(seen) >= int(written)
    return seen == written
