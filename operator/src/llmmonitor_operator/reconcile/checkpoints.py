"""Checkpoints as ConfigMaps in the release namespace, one for each monitor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.state import State

SAVE_EVERY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was there."""

    state: State | None
    """None: begin anew from `State()`."""
    problem: str = ""
    """Why a checkpoint that was there could not be read, and where it is now; empty otherwise."""


class Checkpoints:
    """The checkpoints of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._fullname = fullname

    async def load(self, uid: str) -> Loaded:
        """The checkpoint of the monitor with this UID."""
        raise NotImplementedError

    def due(self, uid: str, state: State, now: float) -> bool:
        """Whether `state` should be saved now."""
        raise NotImplementedError

    async def save(self, uid: str, namespace: str, name: str, state: State, now: float) -> tuple[str, ...]:
        """Write it; gives what did not fit, in words."""
        raise NotImplementedError

    async def sweep(self, known: Collection[str], now: float) -> None:
        """Delete those whose monitor has been gone for seven days."""
        raise NotImplementedError
