"""Kubernetes' resource lists (`{cpu: 50m, memory: 128Mi}`) as exact numbers, and sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from llmmonitor_api.quantities import format_quantity, parse_quantity

ResourceList = Mapping[str, Decimal]
_DIGITS_LIMIT = 40


class UnreadableQuantity(ValueError):
    """What stands where a quantity should be."""


def read(raw: object) -> dict[str, Decimal]:
    """The list as numbers; nothing at all is an empty list.

    Raises:
        UnreadableQuantity: naming the resource and the value.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise UnreadableQuantity(f"{raw!r} is no list of resources")
    return {str(name): _number(str(name), value) for name, value in raw.items()}


def added(one: ResourceList, other: ResourceList) -> dict[str, Decimal]:
    """The sum, resource by resource."""
    return {name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in {**one, **other}}


def greatest(one: ResourceList, other: ResourceList) -> dict[str, Decimal]:
    """The greater of both, resource by resource."""
    return {name: max(one.get(name, Decimal(0)), other.get(name, Decimal(0))) for name in {**one, **other}}


def text(value: Decimal) -> str:
    """`256Mi`: as Kubernetes would write it."""
    try:
        return format_quantity(value)
    except ValueError:
        return str(value)


def _number(name: str, value: object) -> Decimal:
    written = str(value)
    try:
        return parse_quantity(written)
    except ValueError:
        # Usage is summed up in bytes and may be longer than anything that a person writes.
        if written.isascii() and written.isdecimal() and len(written) <= _DIGITS_LIMIT:
            return Decimal(written)
        raise UnreadableQuantity(f"{name}: {written!r} is no quantity") from None
