"""Signals as something to wait for: SIGTERM and SIGINT ask to stop, SIGCHLD only wakes.

It comes when a child has died, and from the analyser, which so says that there is news on the page.
"""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_STOP = (signal.SIGTERM, signal.SIGINT)
_READ_BYTES = 256


class Signals:
    """While entered, these signals come through a pipe; afterwards they are as before."""

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, _wake) for number in (*_STOP, signal.SIGCHLD)}
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> bool:
        """Sleep until a signal comes or the time is over; whether we were asked to stop."""
        readable, _, _ = select.select([self._read], [], [], seconds)
        return bool(readable) and any(number in _STOP for number in os.read(self._read, _READ_BYTES))


def _wake(number: int, frame: FrameType | None) -> None:
    """Only there so that the signal is neither ignored nor deadly: the number goes through the pipe."""
