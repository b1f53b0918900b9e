"""Packs maps from integers to counts into columns of varints, a third of what msgpack takes for them.

Histograms' buckets and windows' cells are such maps, and most of a checkpoint. Keys are sorted and stored as
differences (mostly 1), each column by itself, so that what compresses alike stands together. Packed maps are
msgpack extensions: `pack` makes a tree of plain values with them, `unpack` is the decoder's `ext_hook`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

_EXTENSION = 1
_MAXIMUM_ENTRIES = 1_000_000
_MAXIMUM_WIDTH = 16
"""Far more than any row has; a map of no entries would take as much memory as it says."""
_MAXIMUM_BITS = 140
"""Of a number: putting together a longer one takes hours, and a count has 63."""
_MORE = 0x80
_SEVEN_BITS = 0x7F


def pack(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> Any:
    """`value` as plain values, its maps from integers packed.

    Args:
        value: whatever msgspec can write.
        enc_hook: msgspec's, for what it cannot.

    Raises:
        ValueError: if such a map holds anything but integers >= 0 or equally long lists of them.
    """
    return _packed(msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=enc_hook))


def unpack(code: int, data: memoryview) -> Any:
    """The map that an extension holds.

    Raises:
        ValueError: if it is none of ours or damaged.
    """
    if code != _EXTENSION:
        raise ValueError(f"msgpack extension {code}; only {_EXTENSION} is known")
    numbers = _read_varints(data)
    length, width = next(numbers, 0), next(numbers, 0)
    if length > _MAXIMUM_ENTRIES:
        raise ValueError(f"a packed map of {length} entries; the limit is {_MAXIMUM_ENTRIES}")
    if width > _MAXIMUM_WIDTH:
        raise ValueError(f"a packed map of {width} columns; the limit is {_MAXIMUM_WIDTH}")
    keys, last = [], 0
    for _ in range(length):
        last += _unsigned_to_signed(_required(numbers))
        keys.append(last)
    columns = [[_required(numbers) for _ in range(length)] for _ in range(max(1, width))]
    if width:
        return {key: list(row) for key, row in zip(keys, zip(*columns, strict=True), strict=True)}
    return dict(zip(keys, columns[0], strict=True))


def _packed(value: Any) -> Any:
    if isinstance(value, dict):
        if _counts_by_integer(value):
            return msgspec.msgpack.Ext(_EXTENSION, _columns(value))
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return value


def _counts_by_integer(value: dict[Any, Any]) -> bool:
    if not value or not all(isinstance(key, int) for key in value):
        return False
    first = next(iter(value.values()))
    return isinstance(first, int) or (isinstance(first, list) and all(isinstance(n, int) for n in first))


def _columns(value: dict[int, Any]) -> bytes:
    keys = sorted(value)
    first = value[keys[0]]
    width = 0 if isinstance(first, int) else len(first)
    numbers = [len(keys), width]
    last = 0
    for key in keys:
        numbers.append(_signed_to_unsigned(key - last))
        last = key
    if width:
        for place in range(width):
            numbers += [value[key][place] for key in keys]
    else:
        numbers += [value[key] for key in keys]
    return _written_varints(numbers)


def _signed_to_unsigned(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _unsigned_to_signed(number: int) -> int:
    return -(number + 1) // 2 if number % 2 else number // 2


def _written_varints(numbers: Iterable[int]) -> bytes:
    result = bytearray()
    for number in numbers:
        if number < 0:
            raise ValueError(f"a count of {number}; counts are >= 0")
        left = number
        while left > _SEVEN_BITS:
            result.append(left & _SEVEN_BITS | _MORE)
            left >>= 7
        result.append(left)
    return bytes(result)


def _read_varints(data: memoryview) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & _SEVEN_BITS) << shift
        if byte & _MORE:
            shift += 7
            if shift > _MAXIMUM_BITS:
                raise ValueError(f"a packed number of more than {_MAXIMUM_BITS} bits")
        else:
            yield number
            number = shift = 0


def _required(numbers: Iterator[int]) -> int:
    for number in numbers:
        return number
    raise ValueError("a packed map that is cut off")
