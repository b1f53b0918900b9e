"""Mirrors of one kind in all places that are watched: everywhere at once, or each of some namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, NotFound
from llmmonitor_operator.kube.mirror import Changed, Mirror
from llmmonitor_operator.kube.polled import Polled
from llmmonitor_operator.kube.raw import Raw

EVERYWHERE = ("",)


def places(watch_namespaces: Iterable[str]) -> tuple[str, ...]:
    """Of the paths to watch; without any namespace given, all at once."""
    return tuple(watch_namespaces) or EVERYWHERE


def is_only_of(place: str, error: ApiError) -> bool:
    """Whether the error is one namespace's own: it is gone, or its Role is. Others are not judged by it."""
    return bool(place) and isinstance(error, (Forbidden, NotFound))


def namespace_mirror(kube: Kube, place: str, on_change: Changed | None = None) -> Mirror | Polled:
    """Of the Namespace objects themselves: a Role grants no watch of them, only to ask for its own."""
    if place:
        return Polled(kube, paths.namespace(place), on_change=on_change)
    return Mirror(kube, paths.NAMESPACES, on_change=on_change)


def namespace_in(mirrors: Iterable[Mirror | Polled], name: str) -> Raw | None:
    """The Namespace of that name."""
    return next((found for one in mirrors if (found := one.objects.get(("", name)))), None)


def within(mirrors: Sequence[Mirror], namespace: str) -> list[dict[str, Any]]:
    """The objects of one namespace."""
    return [thing for mirror in mirrors for thing in mirror.of(namespace)]
