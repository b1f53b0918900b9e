"""Lines that a person types, while the event loop runs: Ctrl-C ends the command and not only the line."""

from __future__ import annotations

import asyncio
import os
import sys

_CHUNK_BYTES = 4_096


class Lines:
    """Of standard input."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Args: descriptor: to read from; standard input's by default."""
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._read = b""
        self._ended = False

    async def __call__(self, question: str) -> str | None:
        """Show a question; the next line, or None at the end of input."""
        sys.stdout.write(question)
        sys.stdout.flush()
        while b"\n" not in self._read and not self._ended:
            await self._readable()
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
            self._read += chunk
            self._ended = not chunk
        line, newline, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace") if newline or line else None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(self._descriptor, _set, ready)
        except PermissionError:
            return  # a file: it is always readable, and no selector takes it
        try:
            await ready
        finally:
            loop.remove_reader(self._descriptor)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
