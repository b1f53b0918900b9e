"""What is derived from a monitor as it is, once for each object: a pass asks for it again and again.

A changed spec is another object, so what was derived holds as long as the object does, and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

S = TypeVar("S")
T = TypeVar("T")


def once_for_each(derive: Callable[[S], T]) -> Callable[[S], T]:
    """`derive`, whose results are remembered by the identity of what they are of, which never changes."""
    known: dict[int, tuple[ref[S], T]] = {}

    @wraps(derive)
    def derived(of: S) -> T:
        place = id(of)
        found = known.get(place)
        if found is not None and found[0]() is of:
            return found[1]
        result = derive(of)
        known[place] = ref(of, lambda _: known.pop(place, None)), result
        return result

    return derived
