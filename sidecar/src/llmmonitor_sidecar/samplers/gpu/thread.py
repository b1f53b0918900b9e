"""Asks the GPU sampler in a thread of its own, so that a driver that hangs holds up nobody.

A call into a hung driver cannot be called off: the thread is left to wait in it, no second call is begun, and
how long it waits is said. When it returns, sampling goes on. The thread is a daemon: it never keeps the
process from ending.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from llmmonitor_api.report.gpus import GPUs
from llmmonitor_sidecar.samplers.gpu.sampler import Sampled

INTERVAL_SECONDS: Final = 1.0
"""Between two samples; the driver's own figures change no faster."""
PATIENCE_SECONDS: Final = 5.0
"""After which a call is said to hang."""
_NANO = 1e-9

_log = logging.getLogger(__name__)


class GPUThread:
    """The newest sample of `sample`, which is called with CLOCK_MONOTONIC ns, one call at a time."""

    def __init__(
        self,
        sample: Callable[[int], Sampled],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._sample = sample
        self._interval_ns = round(interval_seconds * 1e9)
        self._patience_ns = round(patience_seconds * 1e9)
        self._wanted = threading.Event()
        self._ended = False
        self._running_since_ns: int | None = None
        self._newest: tuple[int, Sampled] | None = None
        self._begun_ns: int | None = None
        self._failed = False
        self._thread: threading.Thread | None = None

    def look(self, now_ns: int) -> Sampled | None:
        """The newest sample, with its age at `now_ns`; begins another if it is time. Never waits.

        Returns:
            None before the first call has come back or has taken too long.
        """
        running = self._running_since_ns
        if running is None and (self._begun_ns is None or now_ns - self._begun_ns >= self._interval_ns):
            self._begin(now_ns)
        newest = self._newest
        silent_ns = 0 if running is None else now_ns - running
        if silent_ns > self._patience_ns:
            return self._silent(newest, now_ns, silent_ns * _NANO)
        return None if newest is None else _aged(newest, now_ns)

    def close(self) -> None:
        """Begin no more calls; one that has not come back is left alone."""
        self._ended = True
        self._wanted.set()

    def _begin(self, now_ns: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gpus", daemon=True)
            self._thread.start()
        self._begun_ns = self._running_since_ns = now_ns
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            began_ns = self._running_since_ns
            if self._ended:
                return
            if began_ns is not None:
                self._newest = began_ns, self._sampled(began_ns)
                self._running_since_ns = None

    def _sampled(self, now_ns: int) -> Sampled:
        try:
            sampled = self._sample(now_ns)
        except Exception as error:  # noqa: BLE001 - a defect of ours: logged once, said, and tried again
            if not self._failed:
                _log.exception("the GPU sampler failed and is tried again")
            self._failed = True
            why = f"the sampler failed with {type(error).__name__}; the sidecar's log says more"
            energy = self._newest[1].energy_millijoules if self._newest else 0
            return Sampled(GPUs(visible=False, reason=why), energy)
        self._failed = False
        return sampled

    @staticmethod
    def _silent(newest: tuple[int, Sampled] | None, now_ns: int, seconds: float) -> Sampled:
        sampled = Sampled(GPUs(visible=False)) if newest is None else _aged(newest, now_ns)
        reason = f"the driver has not answered for {seconds:.0f} s; it is asked again once it does"
        gpus = msgspec.structs.replace(sampled.gpus, visible=False, reason=reason, silent_seconds=seconds)
        return Sampled(gpus, sampled.energy_millijoules)


def _aged(newest: tuple[int, Sampled], now_ns: int) -> Sampled:
    at_ns, sampled = newest
    gpus = msgspec.structs.replace(sampled.gpus, sampled_age_seconds=(now_ns - at_ns) * _NANO)
    return Sampled(gpus, sampled.energy_millijoules)
