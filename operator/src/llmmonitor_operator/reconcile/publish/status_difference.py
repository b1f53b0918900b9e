"""Whether a new status document says what the written one does not, and how soon that must be said.

A status is read by people and watched by programs; every write costs the API server one and wakes all who
watch. So without new requests nothing is written: ages grow, windows move on and idle processes use a little
more or less memory, but none of that is news. What is judged (conditions, pods, engine) is news at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

from llmmonitor_api.spec.signals import SIGNALS, EventKind
from llmmonitor_operator.kube.raw import Raw


class Difference(IntEnum):
    """What differs, the most urgent last."""

    NONE = 0
    FIGURES = 1
    """Written at most once a minute."""
    CONDITIONS = 2
    """Written at once."""


_DRIFT_SHARE = 0.05
"""Figures of idle pods that differ by less are the same."""
_DRIFTS = {"Bytes": float(1 << 20), "Share": 0.02, "Cores": 0.1, "utilisation": 0.02, "Watts": 10.0}
"""And so are those that differ by less than this; by how the field's name ends. An idle process uses 0.001 or
0.002 cores, which is twice as much and says nothing."""
_AMOUNT_DRIFT_SHARE = 0.01
"""And amounts, which grow with time alone while there are pods: so a month's are a few hundred writes."""
_JUDGED_CONDITION = ("type", "status", "reason", "observedGeneration", "lastTransitionTime")
_JUDGED_OBJECTIVE = (
    *("name", "signal", "source", "threshold", "target", "window", "models", "operations", "holds"),
)
_OF_THE_WINDOW = frozenset({"window", "performance", "objectives", "engineCounts"})
"""Without new requests they change only because old ones leave the window."""
_REQUEST_SIGNALS = frozenset(name for name, facts in SIGNALS.items() if facts.counts is EventKind.REQUEST)
_AMOUNT = re.compile(r"-?\d+(\.\d+)?")
_QUANTITIES = re.compile(
    r"\d[\d.,]*(?:\s?(?:%|(?:d|h|min|s|ms|µs|B|[KMGTP]iB)\b))?(?:\s\d[\d.,]*\s?(?:d|h|min|s)\b)*"
)


def difference(written: Raw | None, new: Raw) -> Difference:
    """What `new` says beyond `written`.

    Args:
        written: the status that is there; None or empty without one.
        new: the one that could be written.
    """
    if not written or _judged(written) != _judged(new):
        return Difference.CONDITIONS
    if written == new:
        return Difference.NONE
    if _has_traffic(written, new) or _window_emptied(written, new):
        return Difference.FIGURES
    if _wording(written) != _wording(new) or _versions(written) != _versions(new):
        return Difference.FIGURES
    others = (written.keys() | new.keys()) - _OF_THE_WINDOW - {"conditions", "versions"}
    if all(_drifted_at_most(written.get(name), new.get(name), name) for name in others):
        return Difference.NONE
    return Difference.FIGURES


def _judged(status: Raw) -> Any:
    return (
        status.get("observedGeneration"),
        status.get("pods"),
        status.get("engine"),
        [[one.get(key) for key in _JUDGED_CONDITION] for one in _entries(status, "conditions")],
        [[one.get(key) for key in _JUDGED_OBJECTIVE] for one in _entries(status, "objectives")],
    )


def _has_traffic(written: Raw, new: Raw) -> bool:
    """Whether requests came, ended or are under way.

    The window's own count tells it only when it grows: it shrinks also while nothing comes.
    """
    return (
        _requests(new) > _requests(written)
        or _counted(new) != _counted(written)
        or any(_section(one, "performance").get("inFlight") for one in (written, new))
    )


def _window_emptied(written: Raw, new: Raw) -> bool:
    """Whether the figures that stand there are of requests most of which have left the window."""
    return 2 * _requests(new) < _requests(written) or ("window" in written) != ("window" in new)


def _requests(status: Raw) -> int:
    return int(_section(status, "window").get("requests", 0))


def _counted(status: Raw) -> list[tuple[int, int]]:
    """Good and bad events of objectives that count requests: they change with requests alone."""
    return [
        (one.get("good", 0), one.get("bad", 0))
        for one in _entries(status, "objectives")
        if one.get("signal") in _REQUEST_SIGNALS
    ]


def _versions(status: Raw) -> list[Raw]:
    """Without when each was last seen, which is now as long as it runs."""
    return [
        {name: value for name, value in one.items() if name != "lastSeen"}
        for one in _entries(status, "versions")
    ]


def _wording(status: Raw) -> list[str]:
    """The conditions' messages without their numbers."""
    return [_QUANTITIES.sub("#", str(one.get("message", ""))) for one in _entries(status, "conditions")]


def _drifted_at_most(old: Any, new: Any, name: str) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_drifted_at_most(old[key], new[key], key) for key in old)
    if _is_amount(old) and _is_amount(new):
        return abs(float(old) - float(new)) <= _AMOUNT_DRIFT_SHARE * max(abs(float(old)), abs(float(new)))
    if not (_is_number(old) and _is_number(new)):
        return bool(old == new)
    allowed = next((drift for end, drift in _DRIFTS.items() if name.endswith(end)), 0.0)
    return bool(abs(old - new) < max(allowed, _DRIFT_SHARE * max(abs(old), abs(new)))) or bool(old == new)


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and _AMOUNT.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _entries(status: Raw, name: str) -> Iterator[Raw]:
    """A list's objects; what else stands there, by another's hand, is passed over."""
    listed = status.get(name)
    return (one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, Mapping))


def _section(status: Raw, name: str) -> Raw:
    section = status.get(name)
    return section if isinstance(section, Mapping) else {}
