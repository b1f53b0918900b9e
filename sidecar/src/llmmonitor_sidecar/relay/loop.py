"""The relay's loop: waits for sockets, hands them to `flow`, accepts, and keeps time.

Every 50 ms it ticks: heartbeat and figures go to the shared page, the listener is opened or closed as the
supervisor wants, overdue connects are given up. A loop that is stuck anywhere does not tick, and that is
what the supervisor's watchdog and the dead man's switch in the kernel go by.
"""

import errno
import logging
import os
import select
import socket
import time
from typing import Final

from llmmonitor_sidecar.relay.flow import Address, Flows, close_with_reset
from llmmonitor_sidecar.relay.lag import TICK_SECONDS, LoopLag
from llmmonitor_sidecar.relay.listener import accept, listen, prepare
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, TeeSender

EVENTS_PER_PASS: Final = 256
ACCEPTS_PER_PASS: Final = 64
ACCEPT_PAUSE_SECONDS: Final = 0.1
TICKS_PER_LAG: Final = 5
_TOTALS: Final = (  # in the order in which `_publish` reads them
    Slot.ACCEPTED_TOTAL,
    Slot.UPSTREAM_REFUSED_TOTAL,
    Slot.BYTES_TO_MODEL_TOTAL,
    Slot.BYTES_TO_CLIENT_TOTAL,
    Slot.TEE_DROPPED_BYTES_TOTAL,
    Slot.TEE_LOST_CONNECTIONS_TOTAL,
    Slot.ACCEPT_FAILURES_TOTAL,
)
POD_ADDRESS: Final = 0
"""Key of the target beside the families: for a model that loopback does not reach."""
_FAMILY_WANTED: Final = {1: socket.AF_INET, 2: socket.AF_INET6, 3: socket.AF_INET}
_EPOLL_ROUNDING_SECONDS: Final = 0.001  # epoll waits whole milliseconds

log = logging.getLogger(__name__)


class RelayLoop:
    """One relay.

    Args:
        page: heartbeat and figures go there, `ACCEPT_WANTED` comes from there.
        tee: where copies go.
        targets: where every connection goes, by family or `POD_ADDRESS`; None: where the client wanted to go
            (transparent).
        own_address: family and address to listen on while `ACCEPT_WANTED`; None with a `listener`.
        listener: transparent mode's socket, listening already.
    """

    def __init__(
        self,
        page: SharedPage,
        tee: TeeSender,
        targets: dict[int, Address] | None,
        own_address: tuple[int, Address] | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self._page = page
        self._tee = tee
        self._targets = targets or {}
        self._target = next(iter(self._targets.values()), None)
        self._own_address = own_address
        self._poll = select.epoll()
        self._flows = Flows(self._poll, tee)
        self._lag = LoopLag()
        self._accepted = 0
        self._accept_failures = 0
        self._accept_again_at = 0.0  # CLOCK_MONOTONIC seconds; 0: not paused
        self._stop_at = float("inf")
        self._published = (0,) * len(_TOTALS)
        self._ticks = 0
        self._listener: socket.socket | None = None
        self._listen_failed = False
        if listener is not None:
            prepare(listener)
            self._adopt(listener)

    def request_stop(self, grace_seconds: float) -> None:
        """Close the listener at the next tick, let what is open finish for so long. For signal handlers."""
        self._stop_at = time.monotonic() + grace_seconds

    def run(self) -> None:
        """Relay until a requested stop is complete."""
        poll, sides, flows = self._poll.poll, self._flows.sides, self._flows
        page, tee, monotonic = self._page, self._tee, time.monotonic
        page[Slot.RELAY_PID] = os.getpid()
        page[Slot.STOPPING] = 0
        now = next_tick = monotonic()
        while True:
            accept_due = False
            for fd, events in poll(max(0.0, next_tick - now), EVENTS_PER_PASS):
                side = sides.get(fd)
                if side is None:
                    accept_due = True  # after the others: no descriptor is used anew within a pass
                elif events == select.EPOLLIN:
                    flows.forward(side)
                else:
                    flows.handle(side, events)
            if accept_due:
                self._accept()
            tee.flush()
            now = monotonic()
            if now >= next_tick:
                self._lag.add(now - next_tick - _EPOLL_ROUNDING_SECONDS)
                next_tick = now + TICK_SECONDS
                self._tick(now)
                if now >= self._stop_at or (self._stop_at != float("inf") and not sides):
                    break
        flows.stop()
        tee.flush()
        self._tick(monotonic())

    def _tick(self, now: float) -> None:
        self._flows.expire(now)
        if self._stop_at != float("inf"):
            self._page[Slot.STOPPING] = 1
            self._close_listener()
        elif self._own_address is not None:
            self._follow_wish(self._own_address)
        if self._accept_again_at and now >= self._accept_again_at and self._listener is not None:
            self._accept_again_at = 0.0
            self._poll.register(self._listener, select.EPOLLIN)
        self._publish()

    def _follow_wish(self, own_address: tuple[int, Address]) -> None:
        """Listen exactly while the supervisor wants it, so that refused stays refused."""
        wanted = self._page[Slot.ACCEPT_WANTED]
        if wanted:
            on_pod_address = self._page[Slot.MODEL_NOT_ON_LOOPBACK]
            key = POD_ADDRESS if on_pod_address else int(_FAMILY_WANTED.get(wanted, socket.AF_INET))
            self._target = self._targets.get(key, self._target)
        if wanted and self._listener is None:
            try:
                self._adopt(listen(*own_address))
            except OSError as error:
                if not self._listen_failed:
                    log.warning("cannot listen on %s: %s; trying on", own_address[1], error)
                self._listen_failed = True
            else:
                self._listen_failed = False
        elif not wanted:
            self._close_listener()

    def _adopt(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll.register(listener, select.EPOLLIN)
        self._page[Slot.LISTENING] = listener.getsockname()[1]

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._accept_again_at = 0.0
            self._page[Slot.LISTENING] = 0

    def _accept(self) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            for _ in range(ACCEPTS_PER_PASS):
                client, address = accept(listener)
                self._accepted += 1
                self._begin(listener, client, address)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.ECONNABORTED:
                return
            self._accept_failures += 1
            self._accept_again_at = time.monotonic() + ACCEPT_PAUSE_SECONDS
            self._poll.unregister(listener)

    def _begin(self, listener: socket.socket, client: socket.SocketType, address: Address) -> None:
        if self._target is not None:
            self._flows.begin(client, address, self._target)
            return
        wanted: Address = client.getsockname()
        if wanted[1] == listener.getsockname()[1]:  # called by its own name: would connect to itself for ever
            close_with_reset(client)
            return
        self._flows.begin(client, address, wanted)

    def _publish(self) -> None:
        """Heartbeat and figures; totals go on from what earlier relays left."""
        page, flows = self._page, self._flows
        totals = (
            self._accepted,
            flows.refused,
            flows.moved_bytes[REQUEST],
            flows.moved_bytes[RESPONSE],
            self._tee.dropped_bytes,
            self._tee.lost_connections,
            self._accept_failures,
        )
        if totals != self._published:
            for slot, value, before in zip(_TOTALS, totals, self._published, strict=True):
                page.add(slot, value - before)
            self._published = totals
        page[Slot.OPEN_CONNECTIONS] = len(flows)
        page[Slot.ACCEPT_STALLED] = int(self._accept_again_at > 0)
        self._ticks += 1
        if self._ticks % TICKS_PER_LAG == 0:
            page[Slot.LOOP_LAG_P99_US] = self._lag.p99_us
            page[Slot.LOOP_LAG_MAX_US] = self._lag.max_us
        page[Slot.HEARTBEAT_NS] = time.monotonic_ns()
