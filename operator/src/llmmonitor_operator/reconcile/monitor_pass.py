"""One pass over one monitor: look, pull, judge, write, act.

Everything is read anew each time, so a pass may end at any line and the next one makes good for it. What it
sees comes from the view and the sidecars; what it decides is decided by pure functions; what it does is
write the status, attach, push and save.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from llmmonitor_api.conditions import event_reasons
from llmmonitor_api.people import PORT_NAME
from llmmonitor_api.report.report import Report
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.configure import configuration_for, drift_settings
from llmmonitor_operator.evaluate import Environment, Evaluation, evaluate
from llmmonitor_operator.evaluate.environment import ExpectedPod, LeftOut
from llmmonitor_operator.evaluate.measured import Measured
from llmmonitor_operator.evaluate.transitions import WARNING, Transition
from llmmonitor_operator.gather.accumulate import Added
from llmmonitor_operator.gather.clock import not_after
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Key, Known
from llmmonitor_operator.pods.contradiction import contradiction
from llmmonitor_operator.reconcile.charging import restored_cost, with_cost
from llmmonitor_operator.reconcile.due import look_again_seconds
from llmmonitor_operator.reconcile.hearing import Hearing, take_in, take_in_kept
from llmmonitor_operator.reconcile.keep.anomaly_watcher import AnomalyWatcher
from llmmonitor_operator.reconcile.keep.audit_watcher import AuditWatcher
from llmmonitor_operator.reconcile.keep.drift_watcher import DriftWatcher
from llmmonitor_operator.reconcile.keep.trial import trial_on
from llmmonitor_operator.reconcile.keep.valid_spec import recalled, with_valid_spec
from llmmonitor_operator.reconcile.loop import FAILED_LIMIT_SECONDS, FAILED_SECONDS, Why, at_least
from llmmonitor_operator.reconcile.memory import Memory
from llmmonitor_operator.reconcile.ownership import Owned, owned
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.publish.status_conditions import conditions_of
from llmmonitor_operator.reconcile.publish.status_restart import restart_of
from llmmonitor_operator.reconcile.rest import end_of_rest, rest_after
from llmmonitor_operator.reconcile.sidecars.attaching import Attacher
from llmmonitor_operator.reconcile.sidecars.day_key import day_key
from llmmonitor_operator.reconcile.sidecars.pushing import Pusher
from llmmonitor_operator.reconcile.sidecars.restarting import Look, Mine, Restarter, stop_of
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS, Standing
from llmmonitor_operator.reconcile.sidecars.succeeding import with_successions
from llmmonitor_operator.reconcile.sidecars.vocabulary_key import vocabulary_key
from llmmonitor_operator.reconcile.standings import Standings, after_refusals, memory_reported
from llmmonitor_operator.reconcile.turns import Turns
from llmmonitor_operator.reconcile.watch.memory_use import MeasuredMemory
from llmmonitor_operator.state import State

_AT_ONCE = 4
"""Monitors that are thought about at once, not those whose sidecars are waited for: when leading begins, or a
namespace with many of them changes, thousands of turns of some milliseconds would be due before the lease is
renewed."""
_TAKEN = Totals()
"""In place of what a report has brought, most of its size: what follows may wait, a thousandfold."""

_log = logging.getLogger(__name__)


class MonitorPass:
    """Passes over all monitors; one at a time for each."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._clock = clock
        self._memories: dict[Key, Memory] = {}
        self._turns = Turns(_AT_ONCE)
        self._measured = MeasuredMemory(parts.kube)
        self._standings = Standings(parts, self._measured)
        self._attacher = Attacher(parts.kube, parts.keeper, parts.metrics)
        self._hearing = Hearing(parts, self._turns, clock)
        self._anomalies = AnomalyWatcher(parts.kube, parts.settings.namespace, parts.settings.name)
        self._drift = DriftWatcher(parts.kube, parts.settings.namespace, parts.settings.name)
        self._audit = AuditWatcher(parts.audits)
        self._pusher = Pusher(parts.sidecars, parts.metrics)
        self._restarter = Restarter(
            parts.kube,
            parts.view,
            parts.monitors,
            evictor=parts.evictor,
            settings=parts.settings,
        )

    async def __call__(self, key: Key, why: Why = Why.NEWS) -> float | None:
        """One pass; in how many seconds the next is due, None when the monitor is gone.

        Args:
            key: the monitor.
            why: if nothing but the time asks for it, a look is enough where the monitor rests.
        """
        parts = self._parts
        known = parts.monitors.get(key)
        memory = self._memories.get(key)
        if memory is not None and (known is None or known.uid != memory.uid):
            await self._forget(key, memory)
        if known is None:
            return None
        began = time.monotonic()
        await parts.view.watch_pods(key[0])
        memory = self._memories.get(key)
        if memory is None:
            async with self._turns.taken():
                memory = await self._remembered(key, known)
        known = recalled(parts.monitors, known, memory.state)
        rest, memory.rest = memory.rest, None
        heard: Mapping[str, Report] = {}
        over = rest is not None and rest.is_over(self._clock())
        if rest is not None and why is Why.TIME and rest.stands_on == self._beside(known):
            hearing = self._hearing
            heard = await (hearing.last(rest, memory) if over else hearing.look(key, rest, memory))
            if memory.rest is not None:
                now = time.monotonic()
                wait = memory.rest.told_in_seconds(now)
                return rest.interval if wait is None else at_least(wait, now - began)
        rested = rest is not None and over and not rest.end.for_figures
        due = await self._look_and_act(key, known, memory, heard, rested=rested)
        parts.metrics.passed(time.monotonic() - began)
        return due

    async def push_change(self, key: Key) -> None:
        """Push a spec that has just changed to the sidecars that are known, beside any pass."""
        parts = self._parts
        known, memory = parts.monitors.get(key), self._memories.get(key)
        if known is None or known.monitor is None or memory is None or memory.uid != known.uid:
            return
        mine = owned(known, parts.monitors.of(key[0]), parts.view.pods(key[0]))
        await self._pusher.push_change(
            configuration_for(known.monitor), mine.pods, memory.state, memory=memory.pods, now=self._clock()
        )

    async def recall(self) -> None:
        """Put last valid specs in force again: before a pass, which may give their pods to other monitors.

        What cannot be read now is read by the monitor's own pass.
        """
        for known in self._parts.monitors.without_spec:
            key = known.raw["metadata"]["namespace"], known.raw["metadata"]["name"]
            try:
                memory = await self._remembered(key, known)
                recalled(self._parts.monitors, known, memory.state)
            except ApiError as error:
                _log.warning("LLMMonitor %s/%s: its last valid spec is not read: %s", *key, error)
                return

    async def save_all(self) -> None:
        """Checkpoints of all monitors, before this process ends."""
        for key, memory in list(self._memories.items()):
            await take_in_kept(memory)
            if self._parts.checkpoints.is_behind(memory.uid, memory.state):
                await self._save(key, memory, self._clock())

    async def _look_and_act(
        self, key: Key, known: Known, memory: Memory, heard: Mapping[str, Report], *, rested: bool
    ) -> float:
        """In how many seconds the next pass is due.

        Args:
            key: the monitor.
            known: the same.
            memory: of it.
            heard: what was said a moment ago, by pod UID, so that nobody is asked again.
            rested: whether it ends a whole rest.
        """
        parts, now = self._parts, self._clock()
        monitor = known.monitor or _stand_in(known.raw)
        mine = self._owned(key, known, memory)
        await self._ask(key[0], monitor, mine, now)
        async with self._turns.taken():
            memory.pods.look(mine.pods, now)
            memory.state = with_valid_spec(not_after(memory.state, now), known)
            facts = await self._standings.facts(
                key[0], monitor, mine.pods, memory.pods, state=memory.state, now=now
            )
            found = await self._standings.of(mine.pods, facts, memory.state)
        standings = [after_refusals(one, memory.pods, now) for one in found if isinstance(one, Standing)]
        models = [(one.pod, one.serving.container) for one in standings if one.serving]
        measured = await self._measured.of_hidden(models, memory.state)
        reports = await self._hearing.reports(standings, mine.leaving, memory, now, heard)
        now = self._clock()
        judged_before = memory.state.review
        await self._watch(key, known, memory, now)
        async with self._turns.taken(first=True):
            news = await take_in(memory, reports, now)
            reports = {uid: msgspec.structs.replace(one, totals=_TAKEN) for uid, one in reports.items()}
            memory.state = with_cost(memory.state, known, mine, parts, news.figures, now)
            for uid, report in reports.items():
                memory.pods.of(uid).heard(report.identity.container, now)
            standings, handing_over = with_successions(
                standings, reports, facts, memory.pods, lambda one: memory_reported(one, memory.state, now)
            )
            own = Mine(
                facts=facts,
                standings=standings,
                leaving=mine.leaving,
                conflict=mine.conflict,
                reporting=reports.keys(),
            )
            restart = await self._restarter.look(own, memory.restart, now)
            environment = Environment(
                cluster=True,
                pods=tuple(restart.said(self._expected(one, memory, measured)) for one in standings),
                left_out=tuple(one for one in found if isinstance(one, LeftOut)),
                conflict=mine.conflict,
                restart=restart.shown,
                invalid_spec=known.invalid,
                spec_in_force=known.monitor is not None,
                contradiction=contradiction(monitor.spec.selector),
                operator_namespace=parts.settings.namespace,
                people_service=f"{parts.settings.name}-operator:{PORT_NAME}"
                if parts.settings.people_port
                else "",
                people_key=parts.sidecars.people_key,
            )
            evaluation = evaluate(monitor, memory.state, now, environment, memory.sums)
            parts.metrics.judged(key, evaluation, now, news)
        quiet = _is_idle(news, evaluation) and memory.state.review is judged_before
        written = await self._publish(known.raw, evaluation, memory, now, quiet=quiet)
        if written is not None:  # not before it is written: a transition must not be lost
            memory.state = evaluation.state
            for transition in evaluation.transitions:
                await parts.emit(known.raw, transition, now)
        if written or restart.progress == memory.restart:  # before a pod goes it is put down which
            await self._restart(known.raw, restart, memory, now)
        memory.pods.day_key = day_key(memory.pods.day_key, monitor.spec.privacy, memory.state.versions, now)
        acted = await self._attacher.attach(monitor, standings, memory.pods, now)
        pushed = _is_in_force(known, parts.monitors.get(key)) and await self._pusher.push(
            configuration_for(monitor),
            standings,
            reports,
            memory=memory.pods,
            now=now,
            handing_over=handing_over,
            versions=memory.state.versions.running,
        )
        mistaken = known.invalid and parts.checkpoints.lacks_spec(memory.uid, memory.state)
        judged = memory.state.review is not judged_before
        if mistaken or judged or parts.checkpoints.due(memory.uid, memory.state, now):
            await self._save(key, memory, now)
        wishes = min(
            look_again_seconds(monitor, standings, reports, acted=acted, now=self._clock()),
            LOOK_AGAIN_SECONDS if restart.evict else restart.look_again_seconds or float("inf"),
            memory.status_again_at - now if written is None else float("inf"),
            LOOK_AGAIN_SECONDS if mine.leaving else float("inf"),
        )
        settled = written is not None and not (known.invalid or pushed or handing_over or measured)
        longest = parts.settings.rest_seconds
        if settled and known.monitor is not None and longest < wishes:
            # what was just written may be written again in a minute, and need not be
            figures_at = 0.0 if written else parts.status.figures_wait_until(memory.uid)
            end = end_of_rest(now, longest, figures_at, goes_on=rested)
            memory.rest = rest_after(evaluation, standings, reports, end, self._beside(known))
        return min(evaluation.inputs.settings.report_interval_seconds, wishes)

    async def _watch(self, key: Key, known: Known, memory: Memory, now: float) -> None:
        """What is kept beside the state, and what people have said."""
        parts = self._parts
        memory.state = parts.verdicts.taken(memory.uid, memory.state)
        memory.state = await self._audit.look(known.raw, memory.state, now)
        memory.state = await self._anomalies.look(key, memory.uid, memory.state, now)
        if known.monitor is not None:  # else its window and features are not known
            spec = known.monitor.spec
            key_of_words = vocabulary_key(parts.fingerprint_key, memory.uid, spec.drift)
            memory.pods.vocabulary_key = key_of_words
            settings = drift_settings(known.monitor, key_of_words.id if key_of_words is not None else "")
            memory.state = await self._drift.look(known.raw, memory.state, settings, now)

    def _beside(self, known: Known) -> object:
        """What wakes no pass: what people say by annotations, and the keys that sidecars are to believe."""
        return self._parts.sidecars.keys, known.raw["metadata"].get("annotations")

    def _owned(self, key: Key, known: Known, memory: Memory) -> Owned:
        """Whose the pods are, looked at anew when one of them or a monitor of the namespace changed."""
        parts, rivals = self._parts, self._parts.monitors.of(key[0])
        seen = parts.view.pods_changes(key[0]), known.monitor, [one.monitor for one in rivals]
        if memory.owned is None or memory.owned[0] != seen:
            memory.owned = seen, owned(known, rivals, parts.view.pods(key[0]))
        return memory.owned[1]

    async def _restart(self, raw: Raw, restart: Look, memory: Memory, now: float) -> None:
        news = stop_of(memory.restart, restart.progress), await self._restarter.evict(restart, now)
        memory.restart = restart.progress
        for transition in news:
            if transition is not None:
                await self._parts.emit(raw, transition, now)

    async def _ask(self, namespace: str, monitor: LLMMonitor, mine: Owned, now: float) -> None:
        keeper = self._parts.keeper
        if keeper.due(namespace, now):
            await keeper.ask(namespace, trial_on(mine.pods, monitor, keeper.common), now)

    def _expected(self, one: Standing, memory: Memory, measured: Mapping[str, Measured]) -> ExpectedPod:
        uid = one.expected.uid
        unreachable = memory.pods.of(uid).unreachable
        if not unreachable and uid not in measured:
            return one.expected
        return replace(one.expected, unreachable=unreachable, measured=measured.get(uid))

    async def _publish(
        self, raw: Raw, evaluation: Evaluation, memory: Memory, now: float, *, quiet: bool
    ) -> bool | None:
        """Whether it was written; None when it could not be, which keeps nothing else from being done."""
        if 0 < memory.status_again_at - now <= FAILED_LIMIT_SECONDS:
            return None
        if self._parts.status.rests(raw, evaluation.judged, now, quiet=quiet):
            return False
        try:
            written = await self._parts.status.write(raw, evaluation.status, now, evaluation.judged)
        except ApiError as error:
            self._parts.metrics.status_written("failed")
            seconds = min(FAILED_SECONDS * 2.0**memory.status_failures, FAILED_LIMIT_SECONDS)
            metadata = raw["metadata"]
            words = "LLMMonitor %s/%s: its status is not written, tried again in %.0f s: %s"
            _log.warning(words, metadata["namespace"], metadata["name"], seconds, error)
            memory.status_failures = min(memory.status_failures + 1, 10)
            memory.status_again_at = now + seconds
            return None
        memory.status_failures, memory.status_again_at = 0, 0.0
        if written:
            self._parts.metrics.status_written("ok")
        return written

    async def _remembered(self, key: Key, known: Known) -> Memory:
        """From the checkpoint; its conditions from the object itself, which is the newer."""
        loaded = await self._parts.checkpoints.load(known.uid)
        state = restored_cost(loaded.state or State(), self._clock())
        if loaded.problem:
            _log.error("LLMMonitor %s/%s: %s", *key, loaded.problem)
            now = self._clock()
            state = msgspec.structs.replace(state, begun_anew=loaded.problem, begun_anew_at=now)
            event = Transition(WARNING, event_reasons.CHECKPOINT_UNREADABLE, loaded.problem)
            await self._parts.emit(known.raw, event, now)
        conditions = conditions_of(known.raw)
        if conditions:
            state = msgspec.structs.replace(state, conditions=conditions)
        memory = Memory(known.uid, state, restart=restart_of(known.raw))
        self._parts.metrics.begin(key)
        self._memories[key] = memory
        return memory

    async def _save(self, key: Key, memory: Memory, now: float) -> None:
        """A checkpoint that cannot be saved costs at most what happens until the next; it ends no pass."""
        try:
            await self._parts.checkpoints.save(memory.uid, key[0], key[1], memory.state, now)
        except (ApiError, ValueError) as error:
            self._parts.metrics.checkpoint_saved("failed")
            _log.warning("LLMMonitor %s/%s: checkpoint not saved: %s", *key, error)
        else:
            self._parts.metrics.checkpoint_saved("ok")

    async def _forget(self, key: Key, memory: Memory) -> None:
        """The monitor is gone; its sidecars are told to stop by `namespace_pass`."""
        self._memories.pop(key, None)
        self._parts.status.forget(memory.uid)
        self._parts.checkpoints.forget(memory.uid)
        self._anomalies.forget(memory.uid)
        self._drift.forget(memory.uid)
        self._parts.audits.forget(memory.uid)
        self._parts.verdicts.forget(memory.uid)
        self._parts.metrics.forget(key)
        self._restarter.forget(memory.uid)


def _is_in_force(known: Known, now: Known | None) -> bool:
    """Whether a pass may push what it began with: of a spec that changed since, the new one was pushed."""
    return now is not None and now.uid == known.uid and now.monitor is known.monitor


def _is_idle(news: Added, evaluation: Evaluation) -> bool:
    """Whether no request began, ended or is under way."""
    return not (news.figures.begun or news.figures.ended or evaluation.judged.in_flight)


def _stand_in(raw: dict[str, Any]) -> LLMMonitor:
    """Something to say `InvalidSpec` with, when no valid spec was ever seen: it selects nothing."""
    spec = {"selector": {"matchLabels": {"llmmonitor.io/selects": "nothing"}}}
    return load_monitor({**raw, "spec": spec})
