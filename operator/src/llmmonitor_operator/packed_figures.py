"""Figures as bytes: what the operator holds of ten thousand replicas and of every cell of time.

A histogram's bucket takes a map seventy bytes and msgpack three, and a state has a quarter of a million of
them. They are rarely read: a replica's when it reports, a cell's when its window is asked for. Histograms lie
apart, since most questions are not about them. What is added to packed figures lies beside them, one row of
values after the other, until it is enough to be worth unpacking all. In a checkpoint figures are written out
as plain ones.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import is_
from typing import Any

import msgspec

from llmmonitor_api.report.features import FeatureCounts
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_operator.figures import HISTOGRAMS, NOTHING, Figures, total
from llmmonitor_operator.packed_features import PackedFeatures
from llmmonitor_operator.packing import BEYOND

_ENCODE = msgspec.msgpack.Encoder().encode
_BARE = msgspec.msgpack.Decoder(Figures)


def _reader(names: Collection[str]) -> msgspec.msgpack.Decoder[Any]:
    """Reads values of all fields in a row; of fields beside `names` only where they are."""
    fields = [(one.name, one.type) for one in msgspec.structs.fields(Figures)]
    row = tuple.__class_getitem__(tuple(kind if name in names else msgspec.Raw for name, kind in fields))
    return msgspec.msgpack.Decoder(list.__class_getitem__(row))


_FIELDS = frozenset(Figures.__struct_fields__)
_WHOLE_ROWS, _BARE_ROWS = _reader(_FIELDS), _reader(_FIELDS - set(HISTOGRAMS))
_HEAD = struct.Struct(">BH")
_LIST = 0xDC
"""What msgpack has before a list of up to 65,535, with its length."""

_HISTOGRAMS = msgspec.msgpack.Decoder(list[tuple[int, int, int, dict[int, int]]])
_NONE = {name: Histogram() for name in HISTOGRAMS}
ADDED_BYTES_LIMIT = 4 * 1024
"""Of what lies beside packed figures: a replica's of some minutes, as its requests are many or few."""


class _Connections(msgspec.Struct, frozen=True):
    accepted: int = 0
    exchanges_not_analysed: int = 0
    shed_connections: int = 0
    unknown_connections: int = 0
    blind_nanoseconds: int = 0
    opaque_connections: dict[str, int] = {}


class _Glance(msgspec.Struct, frozen=True):
    """Of all figures these alone."""

    begun: int = 0
    outcomes: dict[str, int] = {}
    interception: _Connections = _Connections()


_GLANCE, _GLANCES_OF_ROWS = msgspec.msgpack.Decoder(_Glance), _reader(_Glance.__struct_fields__)


class PackedFigures:
    """One `Figures`, packed; never changed."""

    __slots__ = ("_absurd", "_added", "_bare", "_histograms", "_pieces", "in_checkpoint")

    def __init__(self, figures: Figures) -> None:
        """Args: figures: copied."""
        self._absurd: Figures | None = None
        """The figures themselves, where a sum is beyond msgpack's 64 bits: of no real sidecar, but read."""
        self._added, self._pieces = b"", 0
        """What is to be added when they are read, row after row, and how many."""
        self._bare = self._histograms = b""
        self.in_checkpoint = b""
        """How they were written into the last one, for the next; empty where they were not."""
        if figures is NOTHING:
            return
        try:
            self._histograms = _ENCODE([_row(figures, name) for name in HISTOGRAMS])
            self._bare = _ENCODE(msgspec.structs.replace(figures, **_NONE))
            if BEYOND.search(self._bare) or BEYOND.search(self._histograms):
                self._own(histograms=True)
        except (OverflowError, msgspec.ValidationError):  # more than can be written, or be read again
            self._absurd, self._bare, self._histograms = figures, b"", b""

    def unpacked(self, *, histograms: bool = True) -> Figures:
        """The figures; without `histograms` theirs are empty."""
        own = self._own(histograms=histograms)
        if not self._pieces:
            return own
        added = self._beside(_WHOLE_ROWS if histograms else _BARE_ROWS)
        return total([own, *added], histograms=histograms)

    def _own(self, *, histograms: bool) -> Figures:
        """Without what was added."""
        if self._absurd is not None:
            return self._absurd if histograms else msgspec.structs.replace(self._absurd, **_NONE)
        if not self._bare:
            return NOTHING
        bare = _BARE.decode(self._bare)
        if not histograms:
            return bare
        rows = _HISTOGRAMS.decode(self._histograms)
        return msgspec.structs.replace(
            bare, **{name: Histogram(*row) for name, row in zip(HISTOGRAMS, rows, strict=True)}
        )

    def _beside(self, rows: msgspec.msgpack.Decoder[Any]) -> list[Figures]:
        """What was added; fields that `rows` do not read are not to be looked at."""
        return _read(self._added, self._pieces, rows)

    def plus(self, other: Figures) -> PackedFigures:
        """The sum of both, most often without a look into what is packed."""
        piece = _piece(other) if self._bare and len(self._added) < ADDED_BYTES_LIMIT else None
        if piece is None:
            return PackedFigures(total((self.unpacked(), other)))
        found = PackedFigures(NOTHING)
        found._bare, found._histograms = self._bare, self._histograms
        found._added, found._pieces = self._added + piece, self._pieces + 1
        return found

    @property
    def is_together(self) -> bool:
        """Whether nothing lies beside them."""
        return not self._pieces

    def together(self) -> PackedFigures:
        """The same in the least room: itself if nothing lies beside them."""
        return self if self.is_together else PackedFigures(self.unpacked())

    @property
    def has_connections(self) -> bool:
        """Whether any connection was accepted, which is asked in every pass and seldom news."""
        return any(one.interception.accepted for one in self._glances())

    @property
    def has_unread(self) -> bool:
        """Whether anything came that was not read, in part or at all: asked as often, and seldom so."""
        return any(_unread(one.interception) for one in self._glances())

    @property
    def requests(self) -> tuple[int, int]:
        """How many began and how many ended."""
        every = list(self._glances())
        return sum(one.begun for one in every), sum(sum(one.outcomes.values()) for one in every)

    def _glances(self) -> Iterator[Figures | _Glance]:
        """Of all that is to be added up, most of which is not read."""
        if self._absurd is not None:
            yield self._absurd
        elif self._bare:
            yield _GLANCE.decode(self._bare)
            yield from self._beside(_GLANCES_OF_ROWS)

    @property
    def size(self) -> int:
        """Bytes that it takes, but for its own few."""
        return len(self._bare) + len(self._histograms) + len(self._added)

    def is_same(self, other: PackedFigures) -> bool:
        """Whether they are equal down to their bytes: at once, and mostly so where figures are equal."""
        mine = self._absurd is other._absurd, self._bare, self._histograms, self._added
        return mine == (True, other._bare, other._histograms, other._added)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedFigures):
            return NotImplemented
        return self.is_same(other) or self.unpacked() == other.unpacked()  # maps may be in another order

    def __hash__(self) -> int:
        return hash(self.unpacked(histograms=False).begun)


NOTHING_PACKED = PackedFigures(NOTHING)


def _unread(counts: _Connections | InterceptionCounts) -> bool:
    return bool(
        counts.exchanges_not_analysed
        or counts.shed_connections
        or counts.unknown_connections
        or counts.blind_nanoseconds
        or counts.opaque_connections
    )


def are_identical(some: Sequence[PackedFigures], others: Sequence[PackedFigures]) -> bool:
    """Whether they are the very same objects, so that whatever was found of the ones holds of the others."""
    return len(some) == len(others) and all(map(is_, some, others))


def total_of(parts: Iterable[PackedFigures], *, histograms: bool = True) -> Figures:
    """The sum of many, as `figures.total` has it."""
    return total((one.unpacked(histograms=histograms) for one in parts), histograms=histograms)


def written_out(value: object) -> Any:
    """What msgspec shall write of packed figures and features: an `enc_hook`.

    Raises:
        NotImplementedError: it is something else, which has no form of its own.
    """
    if isinstance(value, PackedFigures | PackedFeatures):
        return value.unpacked()
    raise NotImplementedError(f"no way to write a {type(value).__name__}")


def read_in(kind: type, value: object) -> Any:
    """The reverse, of what was written: a `dec_hook`.

    Raises:
        NotImplementedError: something else is asked for.
        msgspec.ValidationError: these are no figures.
    """
    if kind is PackedFigures:
        return PackedFigures(msgspec.convert(value, Figures))
    if kind is PackedFeatures:
        return PackedFeatures(msgspec.convert(value, FeatureCounts))
    raise NotImplementedError(f"no way to read a {kind.__name__}")


def _piece(figures: Figures) -> bytes | None:
    """A row as msgpack has it; None of what it cannot write, or nobody read again."""
    try:
        piece = _ENCODE(msgspec.structs.astuple(figures))
        if BEYOND.search(piece):
            _read(piece, 1, _WHOLE_ROWS)
    except (OverflowError, msgspec.ValidationError):
        return None
    return piece


def _read(rows: bytes, number: int, decoder: msgspec.msgpack.Decoder[Any]) -> list[Figures]:
    return [Figures(*row) for row in decoder.decode(_HEAD.pack(_LIST, number) + rows)]


def _row(figures: Figures, name: str) -> tuple[int, int, int, dict[int, int]]:
    one: Histogram = getattr(figures, name)
    return one.zero, one.overflow, one.sum_nano, one.buckets
