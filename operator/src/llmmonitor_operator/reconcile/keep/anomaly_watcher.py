"""Keeps each monitor's history of anomalies, and has it learnt from, one monitor at a time.

A history is read when the monitor's first cell closes, not when leading begins: a thousand of them would hold
up the first passes. Learning takes about a second, in a thread, once a day; who finds another at it waits for
its next pass. What is not written when the process ends, an hour at most, is missing in the history.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from llmmonitor_operator.anomalies.advance import advanced, learning_due, learnt_anew
from llmmonitor_operator.anomalies.history import History
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.monitors import Key
from llmmonitor_operator.reconcile.keep.histories import Histories
from llmmonitor_operator.state import State

_log = logging.getLogger(__name__)


class AnomalyWatcher:
    """The histories of all monitors."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._histories = Histories(kube, namespace, fullname)
        self._known: dict[str, History] = {}
        self._learning = asyncio.Semaphore(1)

    async def look(self, key: Key, uid: str, state: State, now: float) -> State:
        """The state after the cells that have closed, learnt anew where that is due.

        A history that cannot be read or written now costs nothing but its hour: it is said in the log.
        """
        known = self._known.get(uid, History())
        state, history = advanced(state, known, now)
        if history is not known and uid not in self._known:
            try:
                history = _together(await self._histories.load(uid), history)
            except ApiError as error:
                _log.warning("LLMMonitor %s/%s: history of anomalies not read: %s", *key, error)
                return state  # cells are seen by the detectors, and missing in the history
        if uid in self._known or history is not known:
            self._known[uid] = history
        if learning_due(state.anomalies, uid, now) and not self._learning.locked():
            async with self._learning:
                watch = await asyncio.to_thread(learnt_anew, state.anomalies, history, uid, now)
            state = msgspec.structs.replace(state, anomalies=watch)
        if self._histories.due(uid, history, now):
            await self._save(key, uid, now)
        return state

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        self._known.pop(uid, None)
        self._histories.forget(uid)

    async def _save(self, key: Key, uid: str, now: float) -> None:
        try:
            await self._histories.save(uid, key[0], key[1], self._known[uid], now)
        except ApiError as error:
            _log.warning("LLMMonitor %s/%s: history of anomalies not saved: %s", *key, error)


def _together(kept: History, new: History) -> History:
    return History(kept.days, {**kept.loose, **new.loose})
