"""How one signing key replaces another: a person's word begins it, and every step rests on what is kept.

`now` adds the next key, which running sidecars learn by a push signed with the key they believe. Once all
that answer believe it, and nothing signed before the overlap can hold any more, it takes the other's place by
itself; `finish` does that at once. The old one is kept as long as a pod begins with nothing newer. `revoke`
leaves only a new key: what no running sidecar believes (docs/design/key-rotation.md says what that costs).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from llmmonitor_api.signing.document import VALID_FOR_SECONDS
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.keys.keyring import Keyring, OldKey, SigningKey

OVERLAP_SECONDS = VALID_FOR_SECONDS
"""At least: what was signed before it has run out by then, and so has what a cut-off sidecar had."""
OLD_SECONDS = 3600.0
"""Kept at least after it was replaced: a pod may just be created from what the webhook knew before."""
OLD_LIMIT = 8
"""Keys kept for pods that never start anew; the oldest goes, and its pods are Outdated."""


class Word(StrEnum):
    """What a person may ask for."""

    NOW = "now"
    FINISH = "finish"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be kept from now on."""

    keys: Keyring
    said: str = ""
    """What was done, or why not what was asked for, in words; empty when nothing is new."""


def step(  # noqa: PLR0913 - what a step rests on, and the test's own keys
    keys: Keyring,
    word: str,
    now: float,
    *,
    waiting: Sequence[str],
    needed: Collection[str] | None,
    new: Callable[[], SigningKey] = SigningKey.new,
) -> Step:
    """The next step; the same arguments after a crash give it again.

    Args:
        keys: as they are kept.
        word: of a person; empty when there is none.
        now: Unix seconds.
        waiting: sidecars that do not believe the next key yet, and are not known to be out of reach.
        needed: names of the keys that some pod begins with and has no newer one; None while that is unknown.
        new: makes a key.
    """
    done: list[str] = []
    if word:
        keys, said = _obeyed(keys, word, now, new)
        done.append(said)
    since = keys.overlap_since
    if keys.next is not None and since is None:
        keys, since = replace(keys, overlap_since=now), now
    if since is not None and keys.next is not None and not waiting and now - since >= OVERLAP_SECONDS:
        keys = promoted(keys, now)
        done.append(f"key {keys.current.id} has replaced the one before: every sidecar in reach believes it")
    if needed is not None:
        kept = tuple(one for one in keys.old if one.key.id in needed or now - one.retired_at < OLD_SECONDS)
        done += [f"no pod begins with key {one.key.id} any more: gone" for one in keys.old if one not in kept]
        keys = replace(keys, old=kept)
    return Step(keys, "; ".join(done))


def promoted(keys: Keyring, now: float) -> Keyring:
    """With the next key in the current one's place."""
    if keys.next is None:
        return keys
    old = (*keys.old, OldKey(keys.current, now))
    return Keyring(keys.next, old=old[-OLD_LIMIT:])


def progress(keys: Keyring, waiting: Sequence[str]) -> str:
    """How far an overlap has come, in words; empty without one."""
    if keys.next is None or keys.overlap_since is None:
        return ""
    until = wording.moment(keys.overlap_since + OVERLAP_SECONDS)
    beside = f"key {keys.next.id} is believed beside {keys.current.id}"
    if waiting:
        return f"{beside}; waiting for {wording.counted(len(waiting), 'sidecar')}: {wording.listed(waiting)}"
    return f"{beside} by every sidecar in reach, and replaces it after {until} or by the word {Word.FINISH}"


def _obeyed(keys: Keyring, word: str, now: float, new: Callable[[], SigningKey]) -> tuple[Keyring, str]:
    if word == Word.NOW and keys.next is None:
        following = new()
        return replace(
            keys, next=following, overlap_since=now
        ), f"key {following.id} is to replace the one in use"
    if word == Word.FINISH and keys.next is not None:
        keys = promoted(keys, now)
        return keys, f"key {keys.current.id} has replaced the one before, by a person's word"
    if word == Word.REVOKE:
        keys = Keyring(new())
        return keys, f"all keys are revoked, by a person's word; the new one is {keys.current.id}"
    if word == Word.NOW:
        return keys, f"not begun: one key is being replaced already; {Word.FINISH} ends that"
    if word == Word.FINISH:
        return keys, "nothing to finish: no key is being replaced"
    return keys, f"{word!r} is no word for this; there are {', '.join(Word)}"
