"""An object as a mirror keeps it: sharing what it has in common with thousands of others, and remembering.

Ten thousand pods of a few workloads differ in some names and addresses; every other text stands in memory
once, the longest too: an annotation of 256 KiB or a script of the template is each replica's. And since a
kept object never changes (a change is a new object), what was read from it may be remembered with it: a pass
looks at every pod every 15 s, and most pods change once an hour.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from llmmonitor_operator.kube.raw import Raw

T = TypeVar("T")
_READINGS_LIMIT = 16


class Kept(dict[str, Any]):
    """The object's JSON, not to be changed."""

    __slots__ = ("readings",)

    def __init__(self, thing: Raw) -> None:
        super().__init__(thing)
        self.readings: dict[Hashable, Any] = {}


def kept(thing: Raw) -> Kept:
    """`thing` with its texts shared."""
    return Kept({sys.intern(key): shared(value) for key, value in thing.items()})


def shared(value: Any) -> Any:
    """The same JSON, its texts shared with all others that are alike."""
    kind = type(value)
    if kind is str:
        return sys.intern(value)
    if kind is dict:
        return {sys.intern(key): shared(one) for key, one in value.items()}
    if kind is list:
        return [shared(one) for one in value]
    return value


def remembered(thing: Raw, what: Hashable, read: Callable[[], T]) -> T:
    """What `read` gives, which depends on `thing` and `what` alone; remembered if `thing` is a kept one."""
    if not isinstance(thing, Kept):
        return read()
    readings = thing.readings
    if what not in readings:
        if len(readings) >= _READINGS_LIMIT:
            readings.clear()
        readings[what] = read()
    found: T = readings[what]
    return found
