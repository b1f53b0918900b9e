"""Pushes the settings and keys of now to every sidecar that has others, or whose own will run out.

A sidecar takes no older generation than it has. One that belonged to a younger monitor (its labels or an
older monitor's selector changed) has a higher one than its new monitor ever gets: it is given the settings
under the next number above its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from llmmonitor_api.configuration import ClientSetting, Configuration, VocabularySetting
from llmmonitor_api.probe_plan import ProbePlan
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Report
from llmmonitor_api.report.values import NAME_LIMIT
from llmmonitor_api.signing.sealed import sealed
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.probe_shares import shares
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.day_key import DayKey
from llmmonitor_operator.reconcile.sidecars.pods_memory import REFRESH_SECONDS, PodsMemory
from llmmonitor_operator.reconcile.sidecars.standing import Standing, address_of
from llmmonitor_operator.reconcile.sidecars.vocabulary_key import VocabularyKey
from llmmonitor_operator.state import State

HANDING_OVER = "HandingOver"
"""What a sidecar says that makes room for its successor."""
STOPPED = "Stopped"
"""What a sidecar says that was told to stop, or whose settings ran out."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Due:
    """A sidecar to push to."""

    name: str
    address: Address
    has: int
    """The generation of its configuration."""
    hand_over: bool
    clients: ClientSetting | None
    probes: ProbePlan | None
    vocabulary: VocabularySetting | None = None


class Pusher:
    """Compares what sidecars say they have with what they shall have."""

    def __init__(self, sidecars: SidecarClient, metrics: OperatorMetrics) -> None:
        self._sidecars = sidecars
        self._metrics = metrics

    async def push(  # noqa: PLR0913 - a pass's findings, each given by name
        self,
        configuration: Configuration,
        standings: Sequence[Standing],
        reports: Mapping[str, Report],
        *,
        memory: PodsMemory,
        now: float,
        handing_over: Collection[str] = (),
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> bool:
        """Push `configuration` where it is missing, to all at once; whether it was anywhere.

        Those in `handing_over` (pod UIDs) are told to make room for their successors. With a key of the
        day each is told to know clients by it, sealed to each alone; without, to look at none. By
        `versions` (names by pod UID) each is told whose answers its probes get.
        """
        configuration = msgspec.structs.replace(configuration, public_keys=self._sidecars.public_keys)
        key, words_key = memory.day_key, memory.vocabulary_key
        asking = {uid: report.probing for uid, report in reports.items()}
        given = _shares(configuration, asking, versions, now)
        digest = configuration.probes.digest if configuration.probes is not None else ""
        believed = {key.id for key in self._sidecars.keys.trusted}
        due = []
        for one in standings:
            report = reports.get(one.expected.uid)
            if report is None or one.address is None:
                continue
            known = memory.of(one.expected.uid)
            has = report.identity.configuration_generation
            has_it = has == configuration.generation or known.renumbered == (configuration.generation, has)
            believes = set(report.identity.trusted_keys) in (believed, set())  # an older one does not say
            again = now >= known.push_at or report.interception.reason == STOPPED
            hand_over = one.expected.uid in handing_over
            says = report.clients
            knows = says is None or says.key_id == (key.id if key is not None else "")
            counts = report.vocabulary_key
            counts_words = counts is None or words_key is None or counts == words_key.id
            tell = hand_over and report.interception.reason != HANDING_OVER
            plan = given.get(one.expected.uid)
            asks_as_told = report.probing is None or _asks(report.probing, plan, digest)
            if again or tell or not (has_it and believes and knows and counts_words and asks_as_told):
                clients = _clients(key, says, one.expected.uid)
                vocabulary = _vocabulary(words_key, says, one.expected.uid)
                due.append(
                    _Due(one.expected.name, one.address, has, hand_over, clients, plan, vocabulary=vocabulary)
                )
        await asyncio.gather(*(self._push(configuration, one, memory, now) for one in due))
        return bool(due)

    async def push_change(
        self,
        configuration: Configuration,
        pods: Sequence[Raw],
        state: State,
        *,
        memory: PodsMemory,
        now: float,
    ) -> None:
        """Push a `configuration` that has just changed to those of `pods` that have reported, asking none.

        By what they had in their last report. Whoever makes room for a successor, or has not been heard, is
        left to the pass.
        """
        configuration = msgspec.structs.replace(configuration, public_keys=self._sidecars.public_keys)
        sources = {uid: pod.newest for uid, pod in state.pods.items() if pod.newest is not None}
        asking = {uid: source.probing for uid, source in sources.items()}
        given = _shares(configuration, asking, state.versions.running, now)
        due = []
        for pod in pods:
            uid, address = pod["metadata"]["uid"], address_of(pod)
            source, known = sources.get(uid), memory.pods.get(uid)
            if address is None or source is None or known is None:
                continue
            if source.interception.reason == HANDING_OVER or known.unreachable:
                continue
            has = source.configuration_generation
            if known.renumbered is not None:
                has = max(has, known.renumbered[1])
            if has != configuration.generation:
                name, clients = pod["metadata"]["name"], _clients(memory.day_key, source.clients, uid)
                due.append(_Due(name, address, has, hand_over=False, clients=clients, probes=given.get(uid)))
        await asyncio.gather(*(self._push(configuration, one, memory, now) for one in due))

    async def _push(self, configuration: Configuration, one: _Due, memory: PodsMemory, now: float) -> None:
        given = msgspec.structs.replace(
            _above(configuration, one.has),
            hand_over=one.hand_over,
            clients=one.clients,
            vocabulary=one.vocabulary,
            probes=one.probes,
        )
        try:
            await self._sidecars.push(one.address, given)
        except (NoAnswer, RefusedBySidecar) as error:
            self._metrics.pushed("failed")
            _log.warning("configuration not taken by pod %s: %s", one.name, error)
            return
        known = memory.of(one.address.uid)
        known.push_at = now + REFRESH_SECONDS
        known.renumbered = (configuration.generation, given.generation)
        self._metrics.pushed("ok")


def _clients(key: DayKey | None, says: Clients | None, pod_uid: str) -> ClientSetting | None:
    if key is None:
        return None
    sealing_key = says.sealing_key if says is not None else b""
    try:
        return ClientSetting(key.header, key.id, sealed(key.secret, sealing_key, pod_uid))
    except ValueError:  # no public key: of a version before, or damaged
        return None


def _vocabulary(key: VocabularyKey | None, says: Clients | None, pod_uid: str) -> VocabularySetting | None:
    """None leaves it with the key that it has."""
    if key is None or says is None:
        return None
    try:
        return VocabularySetting(key.id, sealed(key.secret, says.sealing_key, pod_uid))
    except ValueError:  # no public key: of a version before, or damaged
        return None


def _shares(
    configuration: Configuration,
    asking: Mapping[str, Probing | None],
    versions: Mapping[str, str],
    now: float,
) -> dict[str, ProbePlan]:
    """Each replica's plan, by what it says of its probes; none where nothing is asked, or nobody could."""
    plan = configuration.probes
    if plan is None:
        return {}
    able = {
        uid: versions.get(uid) or probing.version for uid, probing in asking.items() if probing is not None
    }
    return {
        uid: msgspec.structs.replace(plan, index=index, of=of, version=versions.get(uid, "")[:NAME_LIMIT])
        for uid, (index, of) in shares(able, now).items()
    }


def _asks(probing: Probing, plan: ProbePlan | None, digest: str) -> bool:
    """Whether it asks what it shall; `digest` is the plan's, of all shares."""
    if plan is None:
        return not probing.plan
    if plan.version not in {"", probing.version}:
        return False
    return (probing.plan, probing.index, probing.of) == (digest, plan.index, plan.of)


def _above(configuration: Configuration, has: int) -> Configuration:
    """Under a number that the sidecar takes."""
    if has <= configuration.generation:
        return configuration
    return msgspec.structs.replace(configuration, generation=has + 1)
