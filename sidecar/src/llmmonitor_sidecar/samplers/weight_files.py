"""What the model's weights are, by a sample of the files that they are served from.

Found are files that the model's processes have mapped or open; where they have none, those that its command
line names, alone or in a directory. Of each a few pieces all over it are hashed: other weights of the same
size differ nearly everywhere, and replicas with the same have the same digest, wherever and whenever they got
it. Read are at most PIECES pieces of 4 KiB, a few in each call, and only when other files are there. What may
not be seen (processes of another user: ptrace(2), "access mode checking") has no digest, which differs from
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import psutil

LOOK_SECONDS = 30.0
FILES_LIMIT = 128
PIECES = 256
"""Of all files together, but of none fewer than two."""
PIECE_BYTES = 4096
_PIECES_A_CALL = 8
_PROCESSES_LIMIT = 16
_MAPS_BYTES_LIMIT = 4 * 1024 * 1024
_SUFFIXES = (".gguf", ".safetensors", ".pt", ".pth", ".engine", ".llamafile")
_DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True, order=True)
class _File:
    size: int
    mtime_ns: int
    inode: int
    path: str
    """As it can be opened from here."""


class WeightFiles:
    """One model's files, over the lives of its processes.

    Attributes:
        identity: how many, how large, and the digest, in words; empty while not known.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.identity = ""
        self._begin()

    def _begin(self) -> None:
        self._look_at_ns: int | None = None
        self._seen: tuple[_File, ...] = ()
        self._hashed: tuple[_File, ...] = ()
        self._hashing: Iterator[str] | None = None

    def forget(self) -> None:
        """Another process serves the model."""
        self.identity = ""
        self._begin()

    def step(self, tree: Sequence[psutil.Process], now_ns: int) -> None:
        """Look, or hash some more. Files count once two looks in a row have found the same.

        Args:
            tree: the model's processes, the first one first.
            now_ns: CLOCK_MONOTONIC.
        """
        if self._hashing is not None:
            self._hash()
        elif self._look_at_ns is None or now_ns >= self._look_at_ns:
            self._look_at_ns = now_ns + round(LOOK_SECONDS * 1e9)
            some = tree[:_PROCESSES_LIMIT]
            found = _files(some, self._root, _held)
            if not found and not self._hashed:  # what was loaded as it began; by now another may lie there
                found = _files(some, self._root, _named)
            if found and found == self._seen and found != self._hashed:
                self._hashed, self._hashing = found, _digest(found)
            self._seen = found

    def _hash(self) -> None:
        try:
            for _ in range(_PIECES_A_CALL):
                digest = next(self._hashing or iter(()))
                if digest:
                    self._hashing = None
                    size = sum(one.size for one in self._hashed)
                    files = "file" if len(self._hashed) == 1 else "files"
                    self.identity = f"{len(self._hashed)} {files} of {size} bytes, sample {digest}"
                    return
        except (OSError, StopIteration):  # gone, or not ours to read: what is known stays
            self._hashing = None


def _digest(files: Sequence[_File]) -> Iterator[str]:
    """Empty texts while it is at work, then the digest."""
    each = max(2, PIECES // len(files))
    parts = []
    for one in files:
        digest = blake2b(str(one.size).encode(), digest_size=_DIGEST_BYTES)
        last = max(0, one.size - PIECE_BYTES)
        with Path(one.path).open("rb", buffering=0) as file:
            for at in sorted({last * n // (each - 1) for n in range(each)}):
                digest.update(os.pread(file.fileno(), PIECE_BYTES, at))
                yield ""
        parts.append(digest.digest())
    yield blake2b(b"".join(sorted(parts)), digest_size=_DIGEST_BYTES).hexdigest()


def _files(
    tree: Iterable[psutil.Process], root: Path, paths: Callable[[psutil.Process, Path], Iterator[str]]
) -> tuple[_File, ...]:
    found: dict[tuple[int, int], _File] = {}
    for process in tree:
        inside = str(root / f"proc/{process.pid}/root")
        for path in paths(process, root):
            try:
                status = Path(inside + path).stat()
            except OSError:
                continue
            one = _File(status.st_size, status.st_mtime_ns, status.st_ino, inside + path)
            found.setdefault((status.st_dev, status.st_ino), one)
            if len(found) > FILES_LIMIT:
                return ()
    return tuple(sorted(found.values()))


def _held(process: psutil.Process, root: Path) -> Iterator[str]:
    yield from {*_mapped(process.pid, root), *_opened(process.pid, root)}


def _mapped(pid: int, root: Path) -> Iterator[str]:
    """A file that was deleted or replaced since has other words behind its name, and is none of these."""
    try:
        with (root / f"proc/{pid}/maps").open("rb") as file:
            lines = file.read(_MAPS_BYTES_LIMIT).decode("utf-8", "replace").split("\n")
    except OSError:
        return
    for line in lines:
        if line.endswith(_SUFFIXES) and (at := line.find("/")) >= 0:
            yield line[at:]


def _opened(pid: int, root: Path) -> Iterator[str]:
    try:
        with os.scandir(root / f"proc/{pid}/fd") as entries:
            for entry in entries:
                try:
                    path = os.readlink(entry.path)  # noqa: PTH115 - many, and a Path of each costs more
                except OSError:
                    continue
                if path.startswith("/") and path.endswith(_SUFFIXES):
                    yield path
    except OSError:
        return


def _named(process: psutil.Process, root: Path) -> Iterator[str]:
    """Files of the command line, and those of a directory of it, not of what is below."""
    inside = str(root / f"proc/{process.pid}/root")
    try:
        words = process.cmdline()
    except psutil.Error:
        return
    for word in words:
        path = word[word.find("=") + 1 :] if "=/" in word else word
        if not path.startswith("/"):
            continue
        if path.endswith(_SUFFIXES):
            yield path
            continue
        try:
            names = sorted(os.listdir(inside + path))  # noqa: PTH208 - of names, and most are no directory
        except OSError:
            continue
        yield from (f"{path.rstrip('/')}/{name}" for name in names if name.endswith(_SUFFIXES))
