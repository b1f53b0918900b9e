"""What is done for a person who may: a case is fetched, a verdict taken, a client erased; each is recorded.

Content is sealed to the person by the sidecar, and handed on only once the look is in the audit chain. Which
case was shown to whom is remembered, so that a verdict is of a case that its giver has seen, drawn as the
sidecar said and not as the person says.
"""

from __future__ import annotations

import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from llmmonitor_api.people import Act, Ask, Reply
from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_api.review import Drawn, Gone
from llmmonitor_operator.audit.chain import ChainFull
from llmmonitor_operator.audit.record import Entry, What
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.monitors import Key, Known
from llmmonitor_operator.reconcile.ownership import owned
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.people.refusal import malformed, not_now, not_there
from llmmonitor_operator.reconcile.people.who import Person, check, who
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.sidecars.standing import address_of
from llmmonitor_operator.review_kept import Given

T = TypeVar("T")
SHOWN_LIMIT = 4_096
_NO_SUCH = "no LLMMonitor {}/{} that this operator acts for"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A case that somebody looks at."""

    drawn: Drawn
    address: Address
    person: str
    monitor_uid: str


class Desk:
    """Of all monitors."""

    def __init__(self, parts: Parts, wake: Callable[[Key], None], clock: Callable[[], float]) -> None:
        self._parts = parts
        self._wake = wake
        self._clock = clock
        self._shown: OrderedDict[str, _Shown] = OrderedDict()

    async def known(self, ask: Ask) -> Person:
        """Who asks, if it is allowed.

        Raises:
            Refused: with the words for the person.
        """
        person = await who(self._parts.kube, ask.token)
        await check(self._parts.kube, person, ask.act, (ask.namespace, ask.name))
        return person

    async def serve(self, ask: Ask, person: Person) -> Reply:
        """Do what is asked by this person, who may.

        Raises:
            Refused: with the words for the person.
        """
        key = ask.namespace, ask.name
        known = self._parts.monitors.get(key)
        if known is None or known.monitor is None:
            raise not_there(_NO_SUCH.format(*key))
        if ask.act is Act.NEXT:
            return await self._next(ask, person, known)
        if ask.act is Act.JUDGE:
            return await self._judge(ask, person, known)
        return await self._erase(ask, person, known)

    async def _next(self, ask: Ask, person: Person, known: Known) -> Reply:
        monitor = known.monitor
        if monitor is None or monitor.spec.privacy.review is None:
            raise not_there(
                f"LLMMonitor {ask.namespace}/{ask.name} keeps no cases: that needs spec.privacy.content:"
                " Redacted and spec.privacy.review: {}"
            )
        problems = []
        addresses = self._addresses(known)
        random.shuffle(addresses)
        for pod, address in addresses:
            client = self._parts.sidecars
            offer, problem = await _tried(pod, client.case(address, ask.reply_to, ask.kind, ask.skip))
            problems += [problem] if problem else []
            if offer is None:
                continue
            drawn = offer.drawn
            await self._record(
                known, Entry(who=person.name, what=What.LOOK, about=_about(drawn), why=ask.why), "not shown"
            )
            self._shown[drawn.case] = _Shown(drawn, address, person.name, known.uid)
            while len(self._shown) > SHOWN_LIMIT:
                self._shown.popitem(last=False)
            return Reply(who=person.name, offer=offer, problems=tuple(problems[:10]))
        return Reply(who=person.name, problems=tuple(problems[:10]))

    async def _judge(self, ask: Ask, person: Person, known: Known) -> Reply:
        shown = self._shown.get(ask.case)
        if ask.verdict is None:
            raise malformed("a verdict is right, wrong or unsure")
        if shown is None or (shown.person, shown.monitor_uid) != (person.name, known.uid):
            raise not_there(
                f"case {ask.case} was not shown to {person.name} by this operator, or was judged: look at the"
                " next"
            )
        why = f"{ask.verdict.value}: {ask.why}" if ask.why else ask.verdict.value
        entry = Entry(who=person.name, what=What.VERDICT, about=_about(shown.drawn), why=why)
        await self._record(known, entry, "the verdict is not taken")
        if self._shown.pop(ask.case, None) is None:
            raise not_there(f"case {ask.case} was judged in this moment")
        self._parts.verdicts.put(known.uid, Given(shown.drawn, ask.verdict, person.name, self._clock()))
        self._parts.metrics.people.judged(shown.drawn.detector, ask.verdict.value)
        self._wake((ask.namespace, ask.name))
        _, problem = await _tried(shown.address.uid, self._parts.sidecars.drop(shown.address, ask.case))
        return Reply(who=person.name, cases=1, problems=(problem,) if problem else ())

    async def _erase(self, ask: Ask, person: Person, known: Known) -> Reply:
        if not ask.client:
            raise malformed("say of which client: its address, or the value of its header")
        addresses = self._addresses(known)
        entry = Entry(
            who=person.name,
            what=What.ERASED,
            about="one client: asked for",
            why=ask.why,
            count=len(addresses),
        )
        await self._record(known, entry, "nothing is erased")
        cases = figures = 0
        problems = []
        for pod, address in addresses:
            gone, problem = await _tried(pod, self._parts.sidecars.erase(address, ask.client))
            gone = gone or Gone()
            cases, figures = cases + gone.cases, figures + gone.others
            problems += [problem] if problem else []
        silent = f"{len(problems)} of {len(addresses)} pods did not answer"
        done = f"one client: {cases} cases, {figures} figures; {silent}"
        entry = Entry(who=person.name, what=What.ERASED, about=done, why=ask.why, count=cases + figures)
        await self._record(known, entry, "it is erased, and how much is not recorded")
        return Reply(who=person.name, cases=cases, figures=figures, problems=tuple(problems[:10]))

    async def _record(self, known: Known, entry: Entry, otherwise: str) -> None:
        try:
            await self._parts.audits.append(known.raw, entry, self._clock())
        except (ApiError, ChainFull) as error:
            raise not_now(f"{otherwise}: it could not be recorded: {error}") from error

    def _addresses(self, known: Known) -> list[tuple[str, Address]]:
        namespace = known.raw["metadata"]["namespace"]
        mine = owned(known, self._parts.monitors.of(namespace), self._parts.view.pods(namespace))
        found = [(pod["metadata"]["name"], address_of(pod)) for pod in (*mine.pods, *mine.leaving)]
        return [(pod, address) for pod, address in found if address is not None]


def _about(drawn: Drawn) -> str:
    """No text and no client."""
    if not drawn.kind:
        return f"case {drawn.case}: unflagged"
    return f"case {drawn.case}: {drawn.kind}, {drawn.band} by {drawn.detector} {drawn.version}"


async def _tried(pod: str, asking: Awaitable[T]) -> tuple[T | None, str]:
    """What came of it, or why nothing did."""
    try:
        return await asking, ""
    except (NoAnswer, RefusedBySidecar, UnreadableReport) as error:
        _log.warning("pod %s: not asked on a person's behalf: %s", pod, error)
        return None, f"pod {pod}: {error}"[:512]
