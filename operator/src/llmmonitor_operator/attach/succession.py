"""Which attached sidecar of an older image or key gets a successor, and what each of them waits for. Pure.

An attached container cannot be removed, and the model need not be restarted for ours: so a newer one is
attached beside it, waits there (`llmmonitor_sidecar.supervisor.alone`), and the older one is told to make
room. One pod of a monitor at a time; the first one is the proof, and the next follows only when the image is
proved in the namespace. Where a sidecar of the new image ended by itself, nobody else gets it who has one
that works. All of it is read from the pods each time. Injected sidecars are replaced with their pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmmonitor_operator.attach.headroom import too_little
from llmmonitor_operator.attach.lives import SHORT_SECONDS, life_of
from llmmonitor_operator.kube.raw import Raw, mapping
from llmmonitor_operator.pods.pod import (
    ATTACHMENTS_LIMIT,
    OurSidecar,
    container_status,
    next_attachment,
    opted_out,
    our_ephemeral,
)

SETTLED_SECONDS = 30.0
"""After a take-over the next one waits so long."""


@dataclass(frozen=True, slots=True)
class Elder:
    """A pod whose attached sidecar is at work and of an older image, or made under another key."""

    pod: Raw
    sidecar: OurSidecar
    understands: bool | None
    """Whether it can hand over, by its report; None while there is none."""
    deaf: bool = False
    """It believes no key of the operator's: it makes room by itself once its configuration has run out."""
    memory_used_bytes: float | None = None
    """By the whole pod, where it is known."""
    refused: str = ""
    """Why nothing is attached to it now: what the API server said a moment ago, or what would be lost."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all of them."""

    image: str
    """Of the sidecar of now."""
    memory_limit: str
    """Of one sidecar, a quantity."""
    proved: bool
    """Whether the image has been seen running in the namespace."""
    now: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What is done with one elder."""

    words: str
    attach: bool = False
    """Its successor, now."""
    tell: bool = False
    """It to make room: its successor waits beside it."""


def turns(
    pods: Sequence[Raw], elders: Sequence[Elder], rules: Rules, taken_over_at: Mapping[str, float]
) -> dict[str, Turn]:
    """For each elder by its pod's UID.

    Args:
        pods: all of the monitor's.
        elders: those among them that are to be succeeded.
        rules: see there.
        taken_over_at: when a successor was last heard of for the first time, by pod UID (Unix seconds).
    """
    found = {_uid(one.pod): turn for one in elders if (turn := _under_way(one, rules))}
    closed = _closed(pods, elders, rules, taken_over_at)
    if not closed:
        busy = next((_name(one.pod) for one in elders if _uid(one.pod) in found), "")
        closed = f"waits for its turn: the sidecar of pod {busy} is being succeeded" if busy else ""
    for one in sorted((one for one in elders if _uid(one.pod) not in found), key=_order):
        lacking = _lacking(one, rules) or closed
        found[_uid(one.pod)] = Turn(lacking or "its successor is being attached", attach=not lacking)
        if not lacking:
            closed = f"waits for its turn: the sidecar of pod {_name(one.pod)} is being succeeded"
    return found


def _under_way(one: Elder, rules: Rules) -> Turn | None:
    newest = _newest(one.pod)
    if newest is None or newest["name"] == one.sidecar.name:
        return None
    name = str(newest["name"])
    life = life_of(one.pod, name)
    if life.ended_at is not None:
        if newest.get("image") != rules.image:
            return None
        return Turn(f"its successor {name} ended ({life.words}), so it goes on itself")
    if not life.running:
        return Turn(f"its successor {name} does not run yet: {life.words}")
    if one.deaf:
        return Turn(f"its successor {name} waits, at most until its configuration runs out")
    return Turn(f"its successor {name} runs and takes over", tell=True)


def _lacking(one: Elder, rules: Rules) -> str:
    """What in the pod itself speaks against a successor."""
    if next_attachment(one.pod) > ATTACHMENTS_LIMIT:
        return f"attached {ATTACHMENTS_LIMIT} times, which is the limit: it stays until the pod is replaced"
    if opted_out(one.pod):
        return "its annotation llmmonitor.io/inject is false: it stays until the pod is replaced"
    if one.understands is None and not one.deaf:
        return "its report is waited for"
    if not one.understands and not one.deaf:
        return "its version cannot hand over to a newer one: it stays until the pod is replaced"
    words = too_little(one.pod, rules.memory_limit, one.memory_used_bytes, beside=1)
    return f"no room for a successor beside it: {words}" if words else one.refused


def _closed(
    pods: Sequence[Raw], elders: Sequence[Elder], rules: Rules, taken_over_at: Mapping[str, float]
) -> str:
    """Why no other succession may begin, in words."""
    elder = {_uid(one.pod): one.sidecar.name for one in elders}
    for pod in pods:
        words = _failure(pod, rules, elder.get(_uid(pod), ""))
        if words:
            return f"stopped: a sidecar of the new image ended by itself in pod {_name(pod)}: {words}"
    for pod in pods:
        if rules.now - taken_over_at.get(_uid(pod), 0.0) < SETTLED_SECONDS:
            return f"waits for its turn: the sidecar of pod {_name(pod)} has just been succeeded"
    if not rules.proved:
        first = next((pod for pod in pods if any(_alive(pod, rules.image))), None)
        return f"waits until its image is proved in pod {_name(first)}" if first is not None else ""
    return ""


def _failure(pod: Raw, rules: Rules, elder: str) -> str:
    """How a sidecar of the new image ended though the model ran on; forgiven once one lived for long.

    One from before the elder made room for it: the image was in use before, and is again (a rollback).
    """
    words, beside_elder = "", False
    for one in our_ephemeral(pod):
        if one["name"] == elder:
            beside_elder = True
        if one.get("image") != rules.image:
            continue
        life = life_of(pod, str(one["name"]))
        if life.running:
            words = "" if rules.now - (life.started_at or rules.now) >= SHORT_SECONDS else words
        elif life.ended_at is not None:
            before_its_turn = beside_elder and one["name"] != elder
            by_itself = life.short and _exit_code(pod, one) != 0 and _outlived_by_model(pod, one)
            words = life.words if before_its_turn or by_itself else ""
    return words


def _outlived_by_model(pod: Raw, one: Raw) -> bool:
    """Otherwise it ended with the model's processes, which it shares."""
    ended_at = life_of(pod, str(one["name"])).ended_at or 0.0
    model = life_of(pod, str(one.get("targetContainerName", "")))
    return model.running and (model.started_at or 0.0) < ended_at


def _exit_code(pod: Raw, one: Raw) -> object:
    state = mapping((container_status(pod, str(one["name"])) or {}).get("state"))
    return mapping(state.get("terminated")).get("exitCode")


def _alive(pod: Raw, image: str) -> Iterator[str]:
    """Containers of the image that run or are about to."""
    for one in our_ephemeral(pod):
        if one.get("image") == image and life_of(pod, str(one["name"])).ended_at is None:
            yield str(one["name"])


def _newest(pod: Raw) -> Raw | None:
    return next(reversed(our_ephemeral(pod)), None)


def _order(one: Elder) -> tuple[str, str]:
    return str(mapping(one.pod.get("metadata")).get("creationTimestamp") or ""), _name(one.pod)


def _uid(pod: Raw) -> str:
    return str(mapping(pod.get("metadata")).get("uid") or "")


def _name(pod: Raw) -> str:
    return str(mapping(pod.get("metadata")).get("name") or "")
