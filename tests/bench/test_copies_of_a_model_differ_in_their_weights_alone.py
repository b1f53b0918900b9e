from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from bench.canary.gguf import BLOCK_BYTES, BLOCK_WEIGHTS, Q4_1, tensors
from bench.canary.weights import Change, changed, scaled, three_bits

F32 = 0


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words)) + words.encode()


def model(path: Path, *, version: int = 3) -> Path:
    """A file of two quantised tensors and one that is not, as the format's documentation has it."""
    blocks = bytes(range(BLOCK_BYTES * 2))
    infos = [("blk.0.attn", Q4_1, 0), ("blk.1.attn", Q4_1, 64), ("norm", F32, 128)]
    pairs = text("general.alignment") + struct.pack("<II", 4, 64)
    pairs += text("names") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    pairs += text("scores") + struct.pack("<IIQ", 9, 6, 3) + struct.pack("<3f", 1, 2, 3)
    head = struct.pack("<4sIQQ", b"GGUF", version, len(infos), 3) + pairs
    for name, kind, offset in infos:
        head += text(name) + struct.pack("<IQQIQ", 2, BLOCK_WEIGHTS, 2, kind, offset)
    head += b"\0" * (-len(head) % 64)
    path.write_bytes(head + blocks.ljust(64, b"\0") + blocks.ljust(64, b"\0") + b"\7" * 256)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return model(tmp_path / "model.gguf")


def test_tensors_lie_where_the_file_says(file: Path) -> None:
    found = tensors(file)

    assert [(one.name, one.kind, one.weights) for one in found] == [
        ("blk.0.attn", Q4_1, 64),
        ("blk.1.attn", Q4_1, 64),
        ("norm", F32, 64),
    ]
    assert file.read_bytes()[found[0].offset :][:3] == b"\0\1\2"
    assert all(one.offset % 64 == 0 for one in found)


def test_one_layer_loses_a_bit_and_nothing_else_changes(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()

    copy = changed(file, Change("", three_bits, only="blk.1."), folder)

    before, after = (np.frombuffer(one.read_bytes(), dtype=np.uint8) for one in (file, copy))
    begin = tensors(file)[1].offset
    differing = np.flatnonzero(before != after)
    assert copy.name == file.name
    assert len(before) == len(after)
    assert len(differing) > 0
    assert {(place - begin) // (2 * BLOCK_BYTES) for place in differing} == {0}
    assert not np.any(after[differing] & 0x11)


def test_scales_are_multiplied_and_weights_stay() -> None:
    blocks = np.zeros((2, BLOCK_BYTES), dtype=np.uint8)
    blocks[:, :2] = np.array([[1.0], [-2.0]], dtype=np.float16).view(np.uint8)
    blocks[:, 2:] = 9

    scaled(1.5)(blocks)

    assert blocks[:, :2].copy().view(np.float16).ravel().tolist() == [1.5, -3.0]
    assert np.all(blocks[:, 2:] == 9)


@pytest.mark.parametrize("damaged", [b"GGML" + b"\0" * 20, struct.pack("<4sIQQ", b"GGUF", 9, 0, 0)])
def test_another_format_is_refused(damaged: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(damaged)

    with pytest.raises(ValueError, match="no GGUF file"):
        tensors(path)


def test_a_model_without_such_tensors_is_refused(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()

    with pytest.raises(ValueError, match=r"blk\.9"):
        changed(file, Change("", three_bits, only="blk.9."), folder)
