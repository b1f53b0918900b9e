"""Copies of a model with other weights behind the same name, size and type: what canaries have to find.

Of quantised weights (Q4_1) the scales are changed, or the lowest of the four bits is taken away, which leaves
what quantising to three bits would: fine changes, that no one would see in the file's length or header.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.canary.gguf import BLOCK_BYTES, BLOCK_WEIGHTS, Q4_1, tensors
from numpy.typing import NDArray

_Blocks = NDArray[np.uint8]
_SCALE_BYTES, _HEAD_BYTES = 2, 4


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to which tensors."""

    what: str
    change: Callable[[_Blocks], None]
    """Of blocks, in place."""
    only: str = ""
    """Tensors whose name begins so; empty: all."""


def scaled(by: float) -> Callable[[_Blocks], None]:
    """Every scale times `by`."""

    def change(blocks: _Blocks) -> None:
        scales = blocks[:, :_SCALE_BYTES].copy().view(np.float16)
        blocks[:, :_SCALE_BYTES] = (scales * np.float16(by)).view(np.uint8)

    return change


def three_bits(blocks: _Blocks) -> None:
    """Weights rounded down to even ones of the sixteen that there are."""
    blocks[:, _HEAD_BYTES:] &= 0xEE


CHANGES = (
    Change("all scales 0.5 % larger", scaled(1.005)),
    Change("all scales 2 % larger", scaled(1.02)),
    Change("one layer of thirty at 3 bits", three_bits, only="blk.12."),
    Change("all layers at 3 bits", three_bits, only="blk."),
)


def changed(model: Path, change: Change, folder: Path) -> Path:
    """A copy of the model in `folder`, of the same name, with that done to it.

    Raises:
        ValueError: it has no such tensors.
    """
    copy = folder / model.name
    shutil.copyfile(model, copy)
    found = [one for one in tensors(copy) if one.kind == Q4_1 and one.name.startswith(change.only)]
    if not found:
        raise ValueError(f"{model}: no tensors {change.only}* of type Q4_1 to change")
    data = np.memmap(copy, dtype=np.uint8, mode="r+")
    for one in found:
        many = one.weights // BLOCK_WEIGHTS
        blocks = data[one.offset : one.offset + many * BLOCK_BYTES].reshape(many, BLOCK_BYTES)
        change.change(blocks)
    data.flush()
    return copy
