"""Where the tensors of a GGUF file lie: as much of the format as it takes to change some weights of a copy.

Format: ggml's docs/gguf.md, version 3 (little endian): a header, pairs of metadata, infos of tensors, and
their data, aligned.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
Q4_1 = 3
"""A block is of 32 weights in 20 bytes: scale and minimum as half floats, then two nibbles a byte."""
BLOCK_WEIGHTS, BLOCK_BYTES = 32, 20
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value, by its type's number."""
_ALIGNMENT = "general.alignment"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One of a file."""

    name: str
    kind: int
    """Of its weights, as ggml numbers them."""
    offset: int
    """Where its data begin in the file."""
    weights: int


def tensors(path: Path) -> list[Tensor]:
    """All of them.

    Raises:
        ValueError: it is no GGUF file of version 2 or 3.
    """
    with path.open("rb") as file:
        magic, version, count, pairs = struct.unpack("<4sIQQ", file.read(24))
        if magic != MAGIC or version not in (2, 3):
            raise ValueError(f"{path}: no GGUF file of version 2 or 3")
        alignment = 32
        for _ in range(pairs):
            key, kind = _text(file), _number(file, "<I")
            value = _value(file, kind)
            if key == _ALIGNMENT and isinstance(value, int):
                alignment = value
        infos = [_info(file) for _ in range(count)]
        begin = -(-file.tell() // alignment) * alignment
    return [Tensor(name, kind, begin + offset, weights) for name, kind, offset, weights in infos]


def _info(file: BinaryIO) -> tuple[str, int, int, int]:
    name, weights = _text(file), 1
    for _ in range(_number(file, "<I")):
        weights *= _number(file, "<Q")
    return name, _number(file, "<I"), _number(file, "<Q"), weights


def _value(file: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        of, many = _number(file, "<I"), _number(file, "<Q")
        if of in (_STRING, _ARRAY):
            return [_value(file, of) for _ in range(many)]
        return file.read(_SIZES[of] * many)
    return int.from_bytes(file.read(_SIZES[kind]), "little")


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<Q")).decode("utf-8", "replace")


def _number(file: BinaryIO, form: str) -> int:
    [found] = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(found)
