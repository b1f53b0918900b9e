"""The parts of a state as bytes, each packed once, however often the state is written.

A checkpoint that does not fit is made again, each time with one part less or smaller: a dozen times for a
monitor of a thousand pods. Whatever is left in it is the same object as before, since a state is never
changed in place. Cells of time that are over keep their bytes from one checkpoint to the next: they are in a
dozen of them.
"""

from __future__ import annotations

import msgspec

from llmmonitor_operator.packed_figures import PackedFigures, written_out
from llmmonitor_operator.packing import BEYOND, has_beyond, pack, pack_saturated
from llmmonitor_operator.state import State

_ENCODE = msgspec.msgpack.Encoder().encode
_NAMES = tuple((field.encode_name, field.name) for field in msgspec.structs.fields(State))


class PackedParts:
    """What was packed so far; of one checkpoint, for it holds on to all of it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, object]] = {}
        """By the identity of a part, which is in it so that no other takes its identity."""

    def of(self, state: State) -> dict[str, object]:
        """As `pack(state, written_out)` in all that msgpack writes of it.

        A count of more than 63 bits, of which no pod is honest, is the largest there is: the rest goes on.

        Raises:
            ValueError: as `pack`.
        """
        return {written: self._part(getattr(state, name)) for written, name in _NAMES}

    def _part(self, value: object) -> object:
        if type(value) is tuple:  # tiers, of which one at a time is left out
            return [self._part(one) for one in value]
        if id(value) not in self._known:
            self._known[id(value)] = value, _written(value)
        return self._known[id(value)][1]


def _written(value: object) -> object:
    if isinstance(value, dict) and all(isinstance(one, PackedFigures) for one in value.values()):
        return {index: msgspec.Raw(_cell(one)) for index, one in value.items()}
    return msgspec.Raw(_plain(value))


def _cell(figures: PackedFigures) -> bytes:
    if figures.in_checkpoint:
        return figures.in_checkpoint
    plain = _plain(figures)
    if figures.is_together:
        figures.in_checkpoint = plain
    return plain


def _plain(value: object) -> bytes:
    try:
        packed = pack(value, written_out)
        plain = _ENCODE(packed)
        if not (BEYOND.search(plain) and has_beyond([packed])):
            return plain
    except OverflowError:
        pass
    return _ENCODE(pack_saturated(value, written_out))
