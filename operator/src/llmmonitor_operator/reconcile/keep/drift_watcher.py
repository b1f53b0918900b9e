"""Keeps each monitor's baseline of drift, closes its windows, and has it learnt from, one monitor at a time.

A baseline is read when the monitor's first window is full, not when leading begins. Learning takes about a
second, in a thread, once a day while the baseline grows. What is not written when the process ends, an hour
at most, is missing in the baseline; which is written at once when somebody has it begin anew.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.judge import learn
from llmmonitor_operator.drift.watch import DriftSettings, accepted, stepped
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.keep.histories import Baselines
from llmmonitor_operator.state import State

ACCEPTED = "llmmonitor.io/drift-accepted"
"""The annotation of an LLMMonitor that `llm-monitor accept` sets: when its owner took what is for normal."""
_LONGEST_WORD = 64

_log = logging.getLogger(__name__)


def accepted_word(raw: Raw) -> str:
    """What the owner last said; empty when nothing."""
    return str((raw["metadata"].get("annotations") or {}).get(ACCEPTED, ""))[:_LONGEST_WORD]


class DriftWatcher:
    """The baselines of all monitors."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._baselines = Baselines(kube, namespace, fullname)
        self._known: dict[str, Baseline] = {}
        self._learning = asyncio.Semaphore(1)

    async def look(self, raw: Raw, state: State, settings: DriftSettings, now: float) -> State:
        """The state after the open window, if it is full, and after what the owner accepted.

        A baseline that cannot be read or written now costs nothing: the window stays open, and it is said.
        """
        metadata = raw["metadata"]
        uid, key = str(metadata["uid"]), (str(metadata["namespace"]), str(metadata["name"]))
        word = accepted_word(raw)
        baseline = self._known.get(uid)
        if baseline is None:
            if not word and state.drift.open.requests < settings.window:
                return state
            try:
                baseline = await self._baselines.load(uid)
            except ApiError as error:
                _log.warning("LLMMonitor %s/%s: baseline of drift not read: %s", *key, error)
                return state
        watch, at_once = state.drift, False
        if word and word != baseline.accepted:
            _log.info("LLMMonitor %s/%s: drift is accepted (%s): its baseline begins anew", *key, word)
            (watch, baseline), at_once = accepted(word), True
        watch, baseline = stepped(watch, baseline, settings)
        if baseline.learning_due(settings.min_seconds) and not self._learning.locked():
            async with self._learning:
                known = await asyncio.to_thread(learn, baseline, settings.judged)
            baseline = msgspec.structs.replace(baseline, learnt=known)
        self._known[uid] = baseline
        if self._baselines.due(uid, baseline, now) or at_once:
            await self._save(uid, key, baseline, now)
        return state if watch is state.drift else msgspec.structs.replace(state, drift=watch)

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._known.pop(uid, None)
        self._baselines.forget(uid)

    async def _save(self, uid: str, key: Key, baseline: Baseline, now: float) -> None:
        try:
            await self._baselines.save(uid, *key, baseline, now)
        except (ApiError, ValueError) as error:
            _log.warning("LLMMonitor %s/%s: baseline of drift not saved: %s", *key, error)
