"""What the pods of a namespace show of the sidecar: that it runs there, or that it keeps a pod from starting.

A native sidecar that does not start holds the model up (missing image, a crash at start, `runAsNonRoot`: all
tried). So it is injected only where the same image has been seen Running for 30 s, which is tried by
attaching; and an injected one that is not running 30 s after the pod's network was ready stops injection in
the namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmmonitor_operator.attach.lives import life_of
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import (
    NATIVE_NAME,
    is_mine_to_watch,
    opted_out,
    our_ephemeral,
    our_native,
)

PROOF_SECONDS = 30.0
BLOCKING_SECONDS = 30.0
_SANDBOX_READY = "PodReadyToStartContainers"
_INITIALIZED = "Initialized"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A pod whose main containers wait for our sidecar."""

    namespace: str
    name: str
    uid: str
    image: str
    """Of the sidecar."""
    message: str
    """What holds it up, in the kubelet's words."""
    since: float
    """Unix seconds from which on the sidecar could have run."""


def proved(pods: Sequence[Raw], image: str, now: float) -> bool:
    """Whether a sidecar of this very image has been running for 30 s in one of the namespace's pods."""
    return any(now - since >= PROOF_SECONDS for pod in pods for since in _running_since(pod, image))


def provers(pods: Sequence[Raw], image: str) -> tuple[Raw, ...]:
    """Pods of which one shall prove `image`, by being attached to; the first that can be is the one.

    One alone that has a sidecar of the image already, running or about to; else those that run and have none,
    the ready ones first, the oldest of them.

    Args:
        pods: of the namespace, those that a monitor matches.
        image: to be proved.
    """
    able = [pod for pod in pods if is_mine_to_watch(pod) and not opted_out(pod)]
    busy = [pod for pod in able if _tries(pod, image)]
    free = [pod for pod in able if our_native(pod) is None and _phase(pod) == "Running"]
    if busy:
        return (min(busy, key=_age_order),)
    return tuple(sorted(free, key=lambda pod: (_condition(pod, "Ready") is None, *_age_order(pod))))


def blocked(pods: Sequence[Raw], now: float) -> list[Blocked]:
    """The pods that our injected sidecar has kept from starting for 30 s, the longest first.

    A pod that waits for something else (a node, a volume, its network) is not among them, and neither is one
    whose sidecar fails later: a native sidecar then restarts beside the model.
    """
    found = [one for pod in pods if is_mine_to_watch(pod) for one in _blocked(pod)]
    return sorted(
        (one for one in found if now - one.since >= BLOCKING_SECONDS), key=lambda one: (one.since, one.name)
    )


def is_held_up(pod: Raw) -> bool:
    """Whether the pod's main containers wait for an injected sidecar, however short they have."""
    return is_mine_to_watch(pod) and our_native(pod) is not None and not _condition(pod, _INITIALIZED)


def _blocked(pod: Raw) -> Iterator[Blocked]:
    native = our_native(pod)
    if native is None or _condition(pod, _INITIALIZED):
        return
    ready = _condition(pod, _SANDBOX_READY)
    since = unix_seconds(ready.get("lastTransitionTime")) if ready else None
    life = life_of(pod, NATIVE_NAME)
    if since is None or life.running:
        return
    words = f"container {NATIVE_NAME} does not run: {life.words}"
    image = str(native.get("image", ""))
    yield Blocked(_text(pod, "namespace"), _text(pod, "name"), _text(pod, "uid"), image, words, since)


def _running_since(pod: Raw, image: str) -> Iterator[float]:
    for container in (our_native(pod), *our_ephemeral(pod)):
        if container is not None and container.get("image") == image:
            life = life_of(pod, str(container.get("name", "")))
            if life.running and life.started_at:
                yield life.started_at


def _tries(pod: Raw, image: str) -> bool:
    """Whether a sidecar of the image is in the pod and has not ended for good."""
    native, attached = our_native(pod), our_ephemeral(pod)
    if attached:
        newest = attached[-1]
        return newest.get("image") == image and life_of(pod, str(newest.get("name", ""))).ended_at is None
    return native is not None and native.get("image") == image


def _condition(pod: Raw, kind: str) -> Mapping[str, object] | None:
    """The pod's condition, if it is True."""
    given = mapping(pod.get("status")).get("conditions")
    for one in given if isinstance(given, list) else ():
        if isinstance(one, Mapping) and one.get("type") == kind and one.get("status") == "True":
            return one
    return None


def _phase(pod: Raw) -> object:
    return mapping(pod.get("status")).get("phase")


def _age_order(pod: Raw) -> tuple[str, str]:
    return _text(pod, "creationTimestamp"), _text(pod, "name")


def _text(pod: Raw, key: str) -> str:
    return str(mapping(pod.get("metadata")).get(key) or "")
