"""Packs maps from integers to counts into columns of varints, a third of what msgpack takes for them.

Histograms' buckets and windows' cells are such maps, and most of a checkpoint. Keys are sorted and stored as
differences (mostly 1), each column by itself, so that what compresses alike stands together. Packed maps are
msgpack extensions: `pack` makes a tree of plain values with them, `unpack` is the decoder's `ext_hook`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

BEYOND: Final = re.compile(rb"\xcf[\x80-\xff]")
"""Where a number of 64 bits may stand, which msgpack writes and no count takes; in a packed map any may."""
_EXTENSION, _LONG = 1, 2
_MAXIMUM_ENTRIES = 1_000_000
_MAXIMUM_WIDTH = 16
"""Far more than any row has; a map of no entries would take as much memory as it says."""
_MAXIMUM_BITS = 140
"""Of a number: putting together a longer one takes hours, and a count has 63."""
_MOST = 2**63 - 1
"""Of a count (`report.values.Count`): what holds more could not be read again."""
_SUMS = frozenset({"sum_nano"})
"""Fields that are no counts and may be longer (`report.values.Sum`)."""
_MORE = 0x80
_SEVEN_BITS = 0x7F
_CONTAINERS = (dict, list, tuple)
"""Those that `to_builtins` gives."""


def pack(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> Any:
    """`value` as plain values, its maps from integers packed.

    Args:
        value: whatever msgspec can write.
        enc_hook: msgspec's, for what it cannot.

    Raises:
        ValueError: if such a map holds anything but integers >= 0 or equally long lists of them.
        OverflowError: if it holds a count that has more than 63 bits.
    """
    return _packed(msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=enc_hook))


def pack_saturated(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> Any:
    """As `pack`, for what has counts of more than 63 bits: each is the largest there is.

    Sums that may have more are exact up to `_MAXIMUM_BITS`.
    """
    return _packed(_saturated(msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=enc_hook)))


def has_beyond(packed: Any) -> bool:
    """Whether a number of more than 63 bits stands in what `pack` gave."""
    items = packed.values() if type(packed) is dict else packed
    return any(
        has_beyond(one) if type(one) in _CONTAINERS else type(one) is int and one > _MOST for one in items
    )


def unpack(code: int, data: memoryview) -> Any:
    """The map, or the long number, that an extension holds.

    Raises:
        ValueError: if it is none of ours or damaged.
    """
    if code == _LONG:
        return _required(_read_varints(data))
    if code != _EXTENSION:
        raise ValueError(f"msgpack extension {code}; only {_EXTENSION} and {_LONG} are known")
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
    kind = type(value)
    if kind is dict:
        if _counts_by_integer(value):
            return msgspec.msgpack.Ext(_EXTENSION, _columns(value))
        return {key: _packed(item) if type(item) in _CONTAINERS else item for key, item in value.items()}
    if kind in _CONTAINERS:
        return [_packed(item) if type(item) in _CONTAINERS else item for item in value]
    return value


def _saturated(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _long(item) if key in _SUMS and type(item) is int and item > _MOST else _saturated(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_saturated(item) for item in value]
    return min(value, _MOST) if type(value) is int else value


def _long(number: int) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(_LONG, _varint(min(number, 2**_MAXIMUM_BITS - 1)))


def _counts_by_integer(value: dict[Any, Any]) -> bool:
    if not value or type(next(iter(value))) is not int or set(map(type, value)) != {int}:
        return False
    first = next(iter(value.values()))
    return isinstance(first, int) or (isinstance(first, list) and all(isinstance(n, int) for n in first))


def _columns(value: dict[int, Any]) -> bytes:
    keys = sorted(value)
    first = value[keys[0]]
    width = 0 if isinstance(first, int) else len(first)
    parts = [[len(keys), width, _signed_to_unsigned(keys[0])]]
    parts.append([2 * (key - before) for before, key in pairwise(keys)])
    if width:
        rows = [value[key] for key in keys]
        parts += [[row[place] for row in rows] for place in range(width)]
    else:
        counts = [value[key] for key in keys]
        if max(counts) > _MOST:
            raise OverflowError(f"a count of {max(counts)}; readers take {_MOST}")
        parts.append(counts)
    return b"".join(map(_written_varints, parts))


def _signed_to_unsigned(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _unsigned_to_signed(number: int) -> int:
    return -(number + 1) // 2 if number % 2 else number // 2


def _written_varints(numbers: Sequence[int]) -> bytes:
    if not numbers:
        return b""
    if min(numbers) < 0:
        raise ValueError(f"a count of {min(numbers)}; counts are >= 0")
    if max(numbers) <= _SEVEN_BITS:  # mostly so in cells of seconds
        return bytes(numbers)
    return b"".join([_SMALL[one] if one < len(_SMALL) else _varint(one) for one in numbers])


def _varint(number: int) -> bytes:
    result = bytearray()
    while number > _SEVEN_BITS:
        result.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    result.append(number)
    return bytes(result)


_SMALL = tuple(map(_varint, range(2048)))


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
