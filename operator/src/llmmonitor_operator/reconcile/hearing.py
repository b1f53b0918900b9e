"""Hears a monitor's sidecars: in looks, whose reports are kept as they came, and in passes, to be added.

In looks, and in the pass that ends a rest, they have told by themselves what is new, or are asked; other
passes ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from llmmonitor_api.report.glance import glance
from llmmonitor_api.report.report import Report, decode
from llmmonitor_operator.gather.absorb import absorb_all, added_by
from llmmonitor_operator.gather.accumulate import NOTHING_ADDED, Added, added
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.memory import Memory
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.rest import Kept, Rest
from llmmonitor_operator.reconcile.sidecars.pulling import Puller
from llmmonitor_operator.reconcile.sidecars.standing import Standing, address_of
from llmmonitor_operator.reconcile.sidecars.wire import TIMEOUT_SECONDS
from llmmonitor_operator.reconcile.turns import Turns
from llmmonitor_operator.state import State

_AT_A_TIME = 64


class Hearing:
    """Of all monitors; one at a time for each."""

    def __init__(self, parts: Parts, turns: Turns, clock: Callable[[], float]) -> None:
        """Args: turns: of whatever takes long."""
        self._puller = Puller(parts.sidecars, parts.metrics, parts.settings.namespace)
        self._metrics = parts.metrics
        self._turns = turns
        self._clock = clock

    async def look(self, key: Key, rest: Rest, memory: Memory) -> dict[str, Report]:
        """Hear all while the monitor rests; where all is calm it rests on, and what was said is kept.

        Returns:
            Nothing where it rests on (`memory.rest`); else what was said and can be read, by pod UID, for the
            pass that follows.
        """
        if await self._ended_cell(memory):
            rest = replace(rest, names=_known(memory.state), counts={})
        heard = self._puller.take(rest.addresses, rest.names, glance)
        left = [one for one in rest.addresses if one.uid not in heard]
        if left and heard:  # who is asked now would tell on at another time than the others
            heard |= await self._puller.hear(left, memory.pods, rest.names, glance)
        elif left:
            repeat = rest.repeat(self._clock())
            heard = await self._puller.hear(left, memory.pods, rest.names, glance, repeat)
            expects = self._puller.expects_more(left)
            rest = replace(rest, told_from=time.monotonic() if expects else None)
        kept = Kept(self._clock(), {uid: one.body for uid, one in heard.items()})
        memory.rest = rest.after(heard)
        if memory.rest is None:
            return await _read(kept)
        state, before, memory.kept = memory.state, memory.news, kept
        self._metrics.looked(key, lambda: added([before, added_by(state, kept.reports(), kept.at)]))
        return {}

    async def last(self, rest: Rest, memory: Memory) -> dict[str, Report]:
        """What sidecars have told since the newest look, by pod UID, for the pass that ends the rest."""
        if await self._ended_cell(memory):
            return {}
        told = self._puller.take(rest.addresses, rest.names, decode)
        return {uid: one.said for uid, one in told.items()}

    async def _ended_cell(self, memory: Memory) -> bool:
        """Whether a cell of anomalies has ended since the newest look, or may while all are asked.

        What was said in it is added to it.
        """
        if memory.kept is None or not memory.kept.is_of_another_cell(self._clock() + TIMEOUT_SECONDS):
            return False
        async with self._turns.taken(first=True):
            await take_in_kept(memory)
        return True

    async def reports(
        self,
        standings: list[Standing],
        leaving: Sequence[Raw],
        memory: Memory,
        now: float,
        heard: Mapping[str, Report],
    ) -> dict[str, Report]:
        """Of all sidecars that run, those of pods on their way out included."""
        addresses = [one.address for one in standings if one.address is not None]
        memory.pods.look_at_leaving(leaving, now)
        addresses += [address for pod in leaving if (address := address_of(pod)) is not None]
        pull = self._puller.pull if memory.pulled else self._puller.pull_patiently
        memory.pulled = True
        if not heard:  # else it was looked a moment ago
            await self._ended_cell(memory)
        reports = {one.uid: heard[one.uid] for one in addresses if one.uid in heard}
        left = [one for one in addresses if one.uid not in reports]
        reports |= await pull(left, memory.pods, _known(memory.state))
        await take_in_kept(memory, but={uid for uid, one in reports.items() if _goes_on(one, memory.state)})
        return reports


def _known(state: State) -> dict[str, str]:
    """The name of the report that is known of each pod, by UID (`report.told`)."""
    return {uid: newest.name for uid, pod in state.pods.items() if (newest := pod.newest)}


def _goes_on(report: Report, state: State) -> bool:
    """Whether it says all that was said in looks before: since what is known of the same life.

    What is told whole may have begun anew in part, as by another setting.
    """
    known = state.pods.get(report.identity.pod_uid)
    same = known is not None and known.newest is not None and known.newest.boot_id == report.identity.boot_id
    return same and report.since is not None


async def take_in_kept(memory: Memory, but: Collection[str] = ()) -> None:
    """What was said in the newest look, without the pods that have said it again: theirs is kept on.

    Whoever has added what they say forgets it; if that fails, it is still here.
    """
    kept = memory.kept
    if kept is None:
        return
    again = [uid for uid in kept.bodies if uid in but]
    gone = await _read(kept.of([uid for uid in kept.bodies if uid not in but]))
    memory.state, news = await absorbed(memory.state, gone, kept.at)
    memory.news, memory.kept = added([memory.news, news]), kept.of(again) if again else None


async def take_in(memory: Memory, reports: Mapping[str, Report], now: float) -> Added:
    """What a pass has heard; all that was added since the last evaluation."""
    memory.state, news = await absorbed(memory.state, reports, now)
    news, memory.news, memory.kept = added([memory.news, news]), NOTHING_ADDED, None
    return news


async def _read(kept: Kept) -> dict[str, Report]:
    """All that can be read."""
    found: dict[str, Report] = {}
    async for some in _some_at_a_time(kept.bodies):
        found |= kept.of(some).reports()
    return found


async def absorbed(state: State, reports: Mapping[str, Report], now: float) -> tuple[State, Added]:
    """The state with all of them, and what that added."""
    parts: list[Added] = []
    async for some in _some_at_a_time(reports):
        state, part = absorb_all(state, {uid: reports[uid] for uid in some}, now)
        parts.append(part)
    return state, added(parts)


async def _some_at_a_time(uids: Collection[str]) -> AsyncIterator[list[str]]:
    """Pods' reports: those of a thousand take longer than others should wait."""
    left = list(uids)
    while left:
        yield left[:_AT_A_TIME]
        del left[:_AT_A_TIME]
        await asyncio.sleep(0)
