"""How the sidecars that were attached to a pod fared, and from when on another one may follow.

All of it is read from the pod, so that an operator that has just started knows it too. A sidecar ends with
the model's container, whose processes it shares; that it lived long before says that nothing is wrong with
it. Short lives in a row double the wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import container_status, our_ephemeral

SHORT_SECONDS = 600.0
"""A life below this is a failure; the kubelet, too, forgives a container after ten minutes."""
FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 3600.0
_DOUBLINGS = 12


@dataclass(frozen=True, slots=True)
class Life:
    """One container's state."""

    started_at: float | None
    ended_at: float | None
    """None while it has not ended."""
    words: str
    """The kubelet's, on why it does not run; empty while it does."""

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.started_at is not None and self.ended_at is None

    @property
    def short(self) -> bool:
        """Whether it ended soon, or never began."""
        if self.ended_at is None:
            return False
        return self.started_at is None or self.ended_at - self.started_at < SHORT_SECONDS


def life_of(pod: Raw, container: str) -> Life:
    """How the container fares; one without a status has not been seen by the kubelet yet."""
    status = container_status(pod, container) or {}
    state = mapping(status.get("state"))
    running, waiting, ended = (mapping(state.get(kind)) for kind in ("running", "waiting", "terminated"))
    if "running" in state and state["running"] is not None:
        return Life(unix_seconds(running.get("startedAt")) or 0.0, None, "")
    if ended:
        at = unix_seconds(ended.get("finishedAt")) or 0.0
        return Life(unix_seconds(ended.get("startedAt")), at, _words(ended))
    return Life(None, None, _words(waiting) or "not started yet")


def attached_lives(pod: Raw) -> list[Life]:
    """Of every sidecar that was attached, in order."""
    return [life_of(pod, str(one.get("name", ""))) for one in our_ephemeral(pod)]


def may_follow_at(lives: Sequence[Life]) -> float:
    """Unix seconds from which on another one may be attached, when all of `lives` have ended."""
    if not lives:
        return 0.0
    short = 0
    for life in reversed(lives):
        if not life.short:
            break
        short += 1
    if not short:
        return 0.0
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(short - 1, _DOUBLINGS), LONGEST_WAIT_SECONDS)
    return (lives[-1].ended_at or 0.0) + wait


def crash_wait_seconds(restarts: int) -> float:
    """How long a container that restarted must have run before anything is attached to it.

    In a crash loop, too, it runs for moments.
    """
    if restarts < 1:
        return 0.0
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(restarts - 1, _DOUBLINGS), SHORT_SECONDS / 2)


def _words(state: Mapping[str, object]) -> str:
    parts = [str(state.get("reason") or ""), str(state.get("message") or "")]
    code = state.get("exitCode")
    if code is not None and not parts[1]:
        parts[1] = f"exit code {code}"
    return ": ".join(part for part in parts if part)
