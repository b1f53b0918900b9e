"""Pulls the reports of one monitor's sidecars, many at once, each with its own time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import MappingProxyType

from llmmonitor_api.report.repeated import Repeat
from llmmonitor_api.report.report import Report, UnreadableReport, decode
from llmmonitor_api.report.told import NONE_YET
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import Begun, NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.heard import Heard, S
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodMemory, PodsMemory

_HINT = "if a NetworkPolicy shuts the operator out, allow ingress to port {port} from namespace {namespace}"
_TAKEN = (
    "on the node's network (hostNetwork) one port is one sidecar's, and port {port} is taken:"
    " set spec.interception.apiPort of the pod's monitor to one that is free there, and replace the pod"
)

AT_ONCE = 64
"""Sidecars of one monitor: a namespace that shuts the operator out waits by itself, and holds up no other."""
_TRIES = 3
_NONE: Mapping[str, str] = MappingProxyType({})
_PAUSE_SECONDS = 1.0


class Puller:
    """Asks sidecars for reports, and remembers why one did not come."""

    def __init__(self, sidecars: SidecarClient, metrics: OperatorMetrics, namespace: str) -> None:
        """Args: namespace: the operator's own, for words about who has to be let in."""
        self._sidecars = sidecars
        self._metrics = metrics
        self._namespace = namespace

    async def pull(
        self, addresses: Iterable[Address], memory: PodsMemory, has: Mapping[str, str] = _NONE
    ) -> dict[str, Report]:
        """The reports of all that answer, by pod UID; `has` names those that are known (`report.told`)."""
        heard = await self.hear(addresses, memory, has, decode)
        return {uid: one.said for uid, one in heard.items()}

    async def hear(
        self,
        addresses: Iterable[Address],
        memory: PodsMemory,
        has: Mapping[str, str],
        read: Callable[[bytes], S],
        repeat: Repeat | None = None,
    ) -> dict[str, Heard[S]]:
        """The same, read by `read` (`report.decode` or `glance`), and as they came.

        With `repeat` they are asked to tell more of them, which are had by `take`.
        """
        found: dict[str, Heard[S]] = {}
        begun: list[Begun] = []
        others: list[Address] = []
        for one in addresses:
            quick = self._sidecars.begin(one, has.get(one.uid, NONE_YET), repeat)
            if quick is None:
                others.append(one)
            else:
                begun.append(quick)
        try:
            ending = self._end_all(begun, memory, found, read)
            if others:
                again, _ = await asyncio.gather(ending, self._hear_all(others, memory, has, found, read))
            else:
                again = await ending
        finally:
            for left in begun:
                self._sidecars.give_up(left)
        if again:
            await self._hear_all(again, memory, has, found, read)
        self._metrics.pulled("ok", len(found))  # at once: one by one takes as long as reading them
        return found

    def expects_more(self, addresses: Iterable[Address]) -> bool:
        """Whether any of them is to tell more."""
        return any(self._sidecars.repeating.expects(one.uid) for one in addresses)

    def take(
        self, addresses: Iterable[Address], has: Mapping[str, str], read: Callable[[bytes], S]
    ) -> dict[str, Heard[S]]:
        """What those have told by now that were asked for more; the others are to be asked."""
        found: dict[str, Heard[S]] = {}
        take = self._sidecars.repeating.take
        for one in addresses:
            heard = take(one, has.get(one.uid, NONE_YET), read)
            if heard is not None:
                found[one.uid] = heard
        self._metrics.pulled("told", len(found))
        return found

    async def _end_all(
        self,
        begun: list[Begun],
        memory: PodsMemory,
        found: dict[str, Heard[S]],
        read: Callable[[bytes], S],
    ) -> list[Address]:
        """Whom to ask once more."""
        again: list[Address] = []
        while begun:
            address = begun[-1].address
            known = memory.of(address.uid)
            if not await self._outcome(address, known, self._sidecars.end(begun.pop(), read), found):
                again.append(address)
        return again

    async def _hear_all(
        self,
        asked: list[Address],
        memory: PodsMemory,
        has: Mapping[str, str],
        found: dict[str, Heard[S]],
        read: Callable[[bytes], S],
    ) -> None:
        left = iter(asked)

        async def some() -> None:
            for one in left:
                hearing = self._sidecars.hear(one, has.get(one.uid, NONE_YET), read)
                await self._outcome(one, memory.of(one.uid), hearing, found)

        await asyncio.gather(*(some() for _ in asked[:AT_ONCE]))

    async def pull_patiently(
        self, addresses: Iterable[Address], memory: PodsMemory, has: Mapping[str, str] = _NONE
    ) -> dict[str, Report]:
        """As `pull`, with more than one try: of a leader that knows only what is minutes old."""
        left = list(addresses)
        found: dict[str, Report] = {}
        for attempt in range(_TRIES):
            if attempt and left:
                await asyncio.sleep(_PAUSE_SECONDS)
            found |= await self.pull(left, memory, has)
            left = [one for one in left if one.uid not in found]
        return found

    async def _outcome(
        self,
        address: Address,
        known: PodMemory,
        hearing: Coroutine[None, None, Heard[S] | None],
        found: dict[str, Heard[S]],
    ) -> bool:
        """Whether something came of it: a report, or why there is none."""
        known.unreachable, known.unknown_key = "", False
        try:
            heard = await hearing
        except NoAnswer as error:
            hint = _HINT.format(port=address.port, namespace=self._namespace)
            known.unreachable = f"{error}; {hint}"
            self._metrics.pulled("unreachable")
        except RefusedBySidecar as error:
            known.unreachable, known.unknown_key = _refused(address, error), error.unknown_key
            self._metrics.pulled("refused")
        except UnreadableReport as error:
            known.unreachable = _with_way_out(address, str(error))
            self._metrics.pulled("unreadable")
        else:
            if heard is None:
                return False
            found[address.uid] = heard
        return True


def _refused(address: Address, error: RefusedBySidecar) -> str:
    if not error.other_pod:
        return f"it refuses to report: {error}"
    return _with_way_out(address, f"another pod's sidecar answers at {address.url} ({error})")


def _with_way_out(address: Address, words: str) -> str:
    return f"{words}; {_TAKEN.format(port=address.port)}" if address.on_the_node else words
