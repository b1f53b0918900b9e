"""Records what people change at the API server (generations of the spec, what they accept), and suspensions.

What is not recorded now, for want of the API server or of room, is tried again with the next pass: the
change is in force all the same, since the operator is not asked whether it may be.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from llmmonitor_operator.audit.chain import Chain, ChainFull
from llmmonitor_operator.audit.kept import AuditKept
from llmmonitor_operator.audit.record import Entry, What
from llmmonitor_operator.audit.spec_change import accepted, spec_changed
from llmmonitor_operator.evaluate.precision import Precision
from llmmonitor_operator.evaluate.suspension import suspended, words
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.keep.audits import Audits
from llmmonitor_operator.reconcile.keep.drift_watcher import ACCEPTED, accepted_word
from llmmonitor_operator.review_kept import Subject
from llmmonitor_operator.state import State

_log = logging.getLogger(__name__)


class AuditWatcher:
    """Of all monitors."""

    def __init__(self, audits: Audits) -> None:
        self._audits = audits

    async def look(self, raw: Raw, state: State, now: float) -> State:
        """The state, once all that is so is recorded."""
        metadata = raw["metadata"]
        uid, kept = metadata["uid"], state.audit
        word, generation = accepted_word(raw), int(metadata["generation"])
        out = suspended(state.review) if state.review.subjects else {}
        keys = tuple(sorted(subject.key for subject in out))
        if (kept.generation, kept.accepted, kept.suspended) != (generation, word, keys):
            try:
                chain = await self._audits.chain(uid)
                for entry in (*_missing(raw, chain, generation, word), *_suspensions(kept, out)):
                    await self._audits.append(raw, entry, now, records=kept.records)
            except (ApiError, ChainFull) as error:
                _log.warning(
                    "LLMMonitor %s/%s: not recorded: %s", metadata["namespace"], metadata["name"], error
                )
            else:
                kept = msgspec.structs.replace(kept, generation=generation, accepted=word, suspended=keys)
        chain_now = self._audits.newest(uid)
        if chain_now is not None and chain_now.number:
            kept = msgspec.structs.replace(kept, records=chain_now.number, head=chain_now.head)
        return state if kept == state.audit else msgspec.structs.replace(state, audit=kept)


def _missing(raw: Raw, chain: Chain, generation: int, word: str) -> list[Entry]:
    """What the newest volume does not have."""
    changes = list(chain.newest_first(What.SPEC_CHANGED))
    entries = []
    if f"generation {generation}" not in {one.about for one in changes[:1]}:
        entries.append(spec_changed(raw, changes[0].fields if changes else {}))
    if word:
        entry = accepted(raw, ACCEPTED, word)
        if entry.why not in {one.why for one in chain.newest_first(What.ACCEPTED)}:
            entries.append(entry)
    return entries


def _suspensions(kept: AuditKept, out: Mapping[Subject, Precision]) -> list[Entry]:
    """Detectors that are suspended now and were not, and the reverse."""
    began = [one for one in out if one.key not in kept.suspended]
    ended = [Subject.of(key) for key in kept.suspended if Subject.of(key) not in out]
    return [
        *(_suspension(What.SUSPENDED, one, words(one, out[one]), out[one].verdicts) for one in began),
        *(_suspension(What.RESUMED, one, "its precision is not below its floor", 0) for one in ended),
    ]


def _suspension(what: What, subject: Subject, why: str, verdicts: int) -> Entry:
    about = f"{subject.kind} by {subject.detector} {subject.version}"
    return Entry(who="the rule for verdicts", what=what, about=about, why=why, count=verdicts)
