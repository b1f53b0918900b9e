"""Waiting for what a person waits for: the conditions of a monitor, as `kubectl get` shows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from e2e.kubectl import Kubectl

T = TypeVar("T")


class WaitedInVain(AssertionError):
    """It did not come; the message says what there was instead."""


def until(look: Callable[[], T | None], what: str, seconds: float = 90.0) -> T:
    """What `look` gives once it is true.

    Raises:
        WaitedInVain: not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise WaitedInVain(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)


def conditions(namespace: Kubectl, monitor: str) -> dict[str, dict[str, Any]]:
    """The conditions of a monitor by their type."""
    status = namespace.get(f"llmmonitor/{monitor}").get("status") or {}
    return {one["type"]: one for one in status.get("conditions") or ()}


def requests(namespace: Kubectl, monitor: str) -> int:
    """How many requests the status of a monitor counts in its window; 0 before it has one."""
    status = namespace.get(f"llmmonitor/{monitor}").get("status") or {}
    return int((status.get("window") or {}).get("requests") or 0)


def condition(
    namespace: Kubectl, monitor: str, seconds: float = 90.0, /, **wanted: str
) -> dict[str, dict[str, Any]]:
    """The conditions, once those named have the status or the reason given: `Ready="True"`.

    Raises:
        WaitedInVain: naming what they are instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = conditions(namespace, monitor)
        differing = [
            f"{kind} is {one.get('status')} {one.get('reason')}: {one.get('message')}"
            for kind, value in wanted.items()
            for one in (found.get(kind, {}),)
            if value not in {one.get("status"), one.get("reason")}
        ]
        if not differing:
            return found
        if time.monotonic() > deadline:
            raise WaitedInVain(f"LLMMonitor {monitor}, after {seconds:.0f} s: " + "; ".join(differing))
        time.sleep(0.5)


def since(namespace: Kubectl, monitor: str, kinds: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Of conditions of these kinds the status, and since when it is so."""
    found = conditions(namespace, monitor)
    return {kind: (found[kind]["status"], found[kind]["lastTransitionTime"]) for kind in kinds}


def events(namespace: Kubectl, monitor: str) -> list[str]:
    """What the Events of a monitor say, the oldest first: `Injected True → False: WebhookMissed: ...`."""
    of_it = f"involvedObject.kind=LLMMonitor,involvedObject.name={monitor}"
    found = namespace.get("events", f"--field-selector={of_it}")["items"]
    return [one["message"] for one in sorted(found, key=lambda one: str(one["firstTimestamp"]))]
