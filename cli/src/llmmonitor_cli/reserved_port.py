"""A port for a program that is about to listen on it, or to come back to it after a crash.

One that the kernel picks goes, once it is free again, to whoever asks for one next, and what was meant for
our program would reach theirs. So it stays bound: nobody is given it, while whoever is told its number can
listen there, as long as they say SO_REUSEADDR (servers do). Until then a connection to it is refused.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class ReservedPort:
    """A port of the loopback address, reserved until it is `free`."""

    def __init__(self) -> None:
        """The kernel picks one.

        Raises:
            OSError: there is none.
        """
        self._socket = socket.socket()
        self._socket.bind((LOOPBACK, 0))
        # only now: it is a port that nobody had
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.number: int = self._socket.getsockname()[1]

    def free(self) -> None:
        """Whoever listens there goes on."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()
