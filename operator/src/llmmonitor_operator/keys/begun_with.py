"""Which keys a sidecar begins with: its environment, which never changes and counts at each start."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from functools import lru_cache

from llmmonitor_api.signing import key_id, public_key_from_bytes
from llmmonitor_operator.inject.environment import PREFIX
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import environment
from llmmonitor_operator.pods.pod import is_mine_to_watch, our_native, our_sidecar

VARIABLE = PREFIX + "PUBLIC_KEY"


def begins_with(told: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the keys in a sidecar's literal variables; what is no key is left out."""
    return _names(told.get(VARIABLE, ""))


def needed_by(pods: Iterable[Raw], trusted: Iterable[str]) -> frozenset[str]:
    """Names of the keys without which some sidecar could not be spoken to once its container starts anew.

    Args:
        pods: any; those without a sidecar need nothing.
        trusted: names of the keys that are in use: who begins with one of them needs no other.
    """
    in_use = set(trusted)
    needed: set[str] = set()
    for pod in pods:
        for names in _begin(pod):
            if not in_use.intersection(names):
                needed.update(names)
    return frozenset(needed)


def _begin(pod: Raw) -> list[tuple[str, ...]]:
    """Of its sidecars that may still start; an attached one that ended stays so."""
    if not is_mine_to_watch(pod):
        return []
    native, at_work = our_native(pod), our_sidecar(pod)
    found = [] if native is None else [begins_with(environment(native))]
    if at_work is not None and at_work.kind == "ephemeral":
        found.append(begins_with(at_work.environment))
    return found


@lru_cache(maxsize=64)
def _names(text: str) -> tuple[str, ...]:
    """Thousands of pods were told the same."""
    names = []
    for one in text.split(","):
        try:
            names.append(key_id(public_key_from_bytes(base64.b64decode(one.strip(), validate=True))))
        except (binascii.Error, ValueError):
            continue
    return tuple(names)
