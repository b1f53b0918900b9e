"""A port that nobody else is given while a test's sidecar does not listen on it yet, or not again.

One that the kernel picks goes, once it is free again, to whoever asks next; what the test asks its sidecar
then reaches another test's server.
"""

from __future__ import annotations

import errno
import random
import socket

_BELOW_WHAT_THE_KERNEL_PICKS = range(20_000, 32_768)
"""`ip_local_port_range` begins at 32768 unless somebody changed it."""


class ReservedPort:
    """Bound and not listening: servers with SO_REUSEADDR can listen there, nobody can reserve it again."""

    def __init__(self) -> None:
        self._socket, self.number = _bound()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def free(self) -> None:
        self._socket.close()


def _bound() -> tuple[socket.socket, int]:
    for port in random.sample(_BELOW_WHAT_THE_KERNEL_PICKS, 100):
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", port))
        except OSError as error:
            one.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return one, port
    raise OSError(errno.EADDRINUSE, "100 ports tried, none free")
