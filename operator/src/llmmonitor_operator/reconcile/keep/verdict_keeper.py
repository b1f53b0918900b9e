"""Keeps what each namespace admits current, and publishes it for the webhook.

Every minute, and when a namespace's rules change, the API server is asked by a dry-run of attaching to a pod
that runs there. The verdicts stand in one ConfigMap, written only when they change; with the operator's Lease
beside it the webhook knows that somebody still looks. What is so is decided in `preflight/`; here it is asked
and remembered. Several passes ask and learn at once: what each found is put into the verdict of that moment,
and one of them writes at a time.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from llmmonitor_api.conditions import Reason
from llmmonitor_api.spec.interception import InterceptionMode
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.kube.errors import ApiError, Conflict, NotFound
from llmmonitor_operator.kube.labels import of_release
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.pods.pod import holds_rights
from llmmonitor_operator.preflight.dry_run import Answer, attaching, learned, read_answer
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.services import numbered_ports
from llmmonitor_operator.preflight.suspension import after_refusals, suspend, under_rules
from llmmonitor_operator.preflight.verdict import (
    BYTES_LIMIT,
    Common,
    NamespaceVerdict,
    NumberedPort,
    Verdicts,
    read,
    write,
)
from llmmonitor_operator.reconcile.keep.refusals import Refusals
from llmmonitor_operator.reconcile.keep.trial import Trial
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView
from llmmonitor_operator.shards import WHOLE, Shard

ASK_EVERY_SECONDS = 60.0
READ_EVERY_SECONDS = 60.0
"""After which what stands in the ConfigMap is looked at: somebody may have changed or deleted it."""
LOOK_BACK_SECONDS = 300.0
"""Refusals from so long before a leader began still count: between two leaders nobody looked."""

_log = logging.getLogger(__name__)


class VerdictKeeper:
    """One ConfigMap of verdicts."""

    def __init__(  # noqa: PLR0913 - what it looks at, and where it writes
        self,
        kube: Kube,
        place: tuple[str, str],
        common: Common,
        view: ClusterView,
        monitors: Monitors,
        *,
        failed: Callable[[], None] = lambda: None,
        shard: Shard = WHOLE,
        owners: Sequence[Raw] = (),
    ) -> None:
        """Nothing is known yet.

        Args:
            kube: a connection to the API server.
            place: namespace and name of the ConfigMap.
            common: what is the same in every namespace.
            view: what is seen of the cluster.
            monitors: all there are.
            failed: called when it could not be written.
            shard: what was said of others' namespaces is not taken up.
            owners: references to what the ConfigMap shall go with.
        """
        self._owners = [dict(one) for one in owners]
        self._kube = kube
        self._place = place
        self._shard = shard
        self.common = common
        self._view = view
        self._monitors = monitors
        self._verdicts: dict[str, NamespaceVerdict] = {}
        self._published: dict[str, str] = {}
        self._known = 1
        """Grows with every change of what is to be published."""
        self._told = 0
        """As much of that as stands in the ConfigMap."""
        self._left_out: frozenset[str] = frozenset()
        self._failed = failed
        self._fingerprints: dict[str, tuple[list[Raw], str]] = {}
        """The last of each namespace, and the objects it is of."""
        self._asked: dict[str, float] = {}
        """When each namespace was asked last (Unix seconds)."""
        self._asked_plain: dict[str, float] = {}
        """The same of those where no pod could tell more than whether a sidecar without capabilities is."""
        self._looked_since = 0.0
        self._read_at = 0.0
        self._writing = asyncio.Lock()
        self._refusals = Refusals(kube, view, monitors)

    async def start(self, now: float) -> None:
        """Take up what the leader before left, and publish what is common.

        Raises:
            ApiError: the ConfigMap can be neither read nor made.
        """
        self._looked_since, self._read_at = now - LOOK_BACK_SECONDS, now
        namespace, name = self._place
        try:
            config_map = await self._kube.get(paths.config_map(namespace, name))
        except NotFound:
            config_map = {"data": {}}
            try:
                await self._create({})
            except Conflict:
                config_map = await self._kube.get(paths.config_map(namespace, name))
        self._published = dict(config_map.get("data") or {})
        found = read(config_map).namespaces
        self._verdicts = {name: one for name, one in found.items() if self._shard.has(name)}
        await self._publish()

    @property
    def is_published(self) -> bool:
        """Whether all that is known stands where the webhook reads it."""
        return self._told == self._known

    def is_left_out(self, namespace: str) -> bool:
        """Whether the ConfigMap has no room for its verdict, so that the webhook injects nothing there."""
        return namespace in self._left_out

    def of(self, namespace: str, now: float) -> NamespaceVerdict:
        """What is known under the rules of now."""
        rules = self._fingerprint(namespace)
        return under_rules(self._verdicts.get(namespace), rules, image=self.common.image, now=now)

    def due(self, namespace: str, now: float) -> bool:
        """Whether the API server should be asked again."""
        asked = self._asked.get(namespace)
        before = self._verdicts.get(namespace)
        return (
            asked is None
            or before is None
            or self._is_old(asked, namespace, now)
            or before.numbered_ports != self._numbered_ports(namespace)
            or bool(self._refusals.events(namespace, max(asked, before.suspended_at)))
        )

    def _is_old(self, asked: float | None, namespace: str, now: float) -> bool:
        """Whether an answer of then, if there was one, may be another by now."""
        before = self._verdicts.get(namespace)
        return (
            asked is None
            or not 0 <= now - asked < ASK_EVERY_SECONDS  # a clock that was put back must not end the asking
            or before is None
            or before.fingerprint != self._fingerprint(namespace)
        )

    async def ask(self, namespace: str, trial: Trial | None, now: float) -> NamespaceVerdict:
        """Look again: by a dry-run of `trial`, at events and Services; publish what is new."""
        answers: list[tuple[Mode, Answer]] = []
        if trial is not None and trial.plain_only:
            # what is not known after it stays due: of the next look a pod may come that can tell more
            if self._is_old(self._asked_plain.get(namespace), namespace, now):
                self._asked_plain[namespace] = now
                answers = await self._answers(trial)
        elif trial is not None:
            self._asked[namespace] = now
            answers = await self._answers(trial)
            if holds_rights(trial.pod) and any(answer.admitted is False for _, answer in answers):
                self._asked.pop(namespace, None)  # the next look may be another monitor's, on another pod
        since = max(self._looked_since, self.of(namespace, now).suspended_at)
        refusals = await self._refusals.of(namespace, since, self.common)
        verdict = before = self.of(namespace, now)  # what others learnt meanwhile included
        refusals = [one for one in refusals if one[0].at > verdict.suspended_at]
        for mode, answer in answers:
            verdict = learned(verdict, mode, answer)
        if verdict.proves(self.common.image):
            verdict = after_refusals(verdict, refusals, image=self.common.image, now=now)
            if verdict.suspended != before.suspended:
                self._say_suspended(namespace, verdict)
        ports = self._numbered_ports(namespace)
        await self._keep(namespace, msgspec.structs.replace(verdict, numbered_ports=ports))
        return verdict

    async def believe(self, public_keys: tuple[bytes, ...]) -> None:
        """New sidecars shall believe these."""
        texts = tuple(base64.b64encode(key).decode() for key in public_keys)
        if texts != self.common.public_keys:
            self.common = msgspec.structs.replace(self.common, public_keys=texts)
            self._known += 1
            await self._publish()

    async def learn(self, namespace: str, mode: Mode, answer: Answer, now: float) -> None:
        """What the API server said to a sidecar in earnest."""
        before = self.of(namespace, now)
        verdict = learned(before, mode, answer)
        if verdict != before:
            await self._keep(namespace, verdict)

    async def prove(self, namespace: str, now: float) -> None:
        """Our container at the image of now was seen running there."""
        verdict = self.of(namespace, now)
        if not verdict.proves(self.common.image):
            _log.info("image proved in namespace %s: %s", namespace, self.common.image)
            await self._keep(namespace, msgspec.structs.replace(verdict, proved_image=self.common.image))

    async def suspend(self, namespace: str, reason: Reason, message: str, now: float) -> None:
        """Inject nothing there from now on."""
        before = self.of(namespace, now)
        verdict = suspend(before, reason, message, image=self.common.image, now=now)
        if verdict != before:
            self._say_suspended(namespace, verdict)
        await self._keep(namespace, verdict)

    async def forget(self, namespace: str) -> None:
        """No monitor is there any more."""
        self._asked.pop(namespace, None)
        self._fingerprints.pop(namespace, None)
        self._asked_plain.pop(namespace, None)
        self._refusals.forget(namespace)
        if self._verdicts.pop(namespace, None) is not None:
            self._known += 1
            await self._publish()

    @staticmethod
    def _say_suspended(namespace: str, verdict: NamespaceVerdict) -> None:
        if verdict.suspended:
            words = f"{verdict.suspended}: {verdict.message}"
            _log.warning("injection stops in namespace %s: %s", namespace, words)
        else:
            _log.info(
                "injection goes on in namespace %s: pods are refused without the sidecar too", namespace
            )

    async def _keep(self, namespace: str, verdict: NamespaceVerdict) -> None:
        if self._verdicts.get(namespace) == verdict and self.is_published:
            return  # asked every minute in each of a thousand namespaces, of which all would be spelled out
        self._verdicts[namespace] = verdict
        self._known += 1
        await self._publish()

    async def _answers(self, trial: Trial) -> list[tuple[Mode, Answer]]:
        """To a sidecar with NET_ADMIN; where that is not admitted, to one without too."""
        answers = []
        for mode in (Mode.OFF,) if trial.plain_only else (Mode.TRANSPARENT, Mode.OFF):
            answer = await self._dry_run(replace(trial, plan=replace(trial.plan, mode=mode)))
            answers.append((mode, answer))
            if answer.admitted is not False or holds_rights(trial.pod):
                break  # refused as it is, such a pod says nothing of a sidecar without capabilities
        return answers

    async def _dry_run(self, trial: Trial) -> Answer:
        metadata = trial.pod["metadata"]
        path = paths.ephemeral_containers(metadata["namespace"], metadata["name"])
        patch = attaching(trial.pod, trial.plan, trial.number)
        try:
            await self._kube.patch(path, patch, Patch.STRATEGIC, dry_run=True, metadata_only=True)
        except ApiError as error:
            return read_answer(error.status, error.message)
        return Answer(admitted=True)

    async def mend(self, now: float) -> None:
        """Put right what somebody else changed in the ConfigMap, or made of it by deleting it."""
        if 0 <= now - self._read_at < READ_EVERY_SECONDS:
            return
        self._read_at = now
        namespace, name = self._place
        async with self._writing:
            try:
                found = dict((await self._kube.get(paths.config_map(namespace, name))).get("data") or {})
            except NotFound:
                found = {}
            except ApiError as error:
                _log.warning("verdicts not read: %s", error)
                return
            if found != self._published:
                _log.warning("ConfigMap %s/%s was changed by somebody else: mended", namespace, name)
            self._published = found
        await self._publish()

    async def _publish(self) -> None:
        """Write what changed; a failure is said, and tried again with the next change or minute."""
        async with self._writing:
            known = self._known
            wanted = write(Verdicts(self.common, self._verdicts))
            self._say_left_out(frozenset(self._verdicts.keys() - wanted.keys()))
            changes: dict[str, Any] = {
                key: text for key, text in wanted.items() if self._published.get(key) != text
            }
            changes |= dict.fromkeys(self._published.keys() - wanted.keys())
            if not changes:
                self._told = known
                return
            try:
                await self._written(changes, wanted)
            except ApiError as error:
                self._failed()
                _log.warning("verdicts not published: %s", error)
                return
            self._published, self._told = wanted, known

    def _say_left_out(self, namespaces: frozenset[str]) -> None:
        for namespace in sorted(namespaces - self._left_out):
            _log.error(
                "namespace %s: no room for its verdict in ConfigMap %s/%s beside the others' (%d bytes):"
                " nothing is injected there, only attached; serve some namespaces by another release",
                namespace,
                *self._place,
                BYTES_LIMIT,
            )
        self._left_out = namespaces

    async def _written(self, changes: dict[str, Any], wanted: dict[str, str]) -> None:
        namespace, name = self._place
        try:
            await self._kube.patch(paths.config_map(namespace, name), {"data": changes}, metadata_only=True)
        except NotFound:
            await self._create(wanted)

    async def _create(self, data: dict[str, str]) -> None:
        namespace, name = self._place
        metadata = {
            "name": name,
            "namespace": namespace,
            "labels": of_release("operator"),
            "ownerReferences": self._owners,
        }
        await self._kube.create(paths.config_maps(namespace), {"metadata": metadata, "data": data})

    def _fingerprint(self, namespace: str) -> str:
        """Made anew when one of the objects is another: each pass asks for it several times."""
        own = self._view.namespace(namespace) or {}
        quotas, limit_ranges = self._view.resource_quotas(namespace), self._view.limit_ranges(namespace)
        objects = [own, *quotas, *limit_ranges]
        before, found = self._fingerprints.get(namespace, ([], ""))
        if len(before) == len(objects) and all(map(operator.is_, before, objects)) and found:
            return found
        found = fingerprint(own, quotas, limit_ranges)
        self._fingerprints[namespace] = objects, found
        return found

    def _numbered_ports(self, namespace: str) -> tuple[NumberedPort, ...]:
        """Of the Services of pods whose monitor wants mode Port."""
        specs = [known.monitor.spec for known in self._monitors.of(namespace) if known.monitor]
        wanting = [spec.selector for spec in specs if spec.interception.mode is InterceptionMode.PORT]
        return numbered_ports(self._view.services(namespace), wanting) if wanting else ()
