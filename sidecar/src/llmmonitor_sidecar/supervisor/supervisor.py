"""The supervisor's shell: looks, asks `decide`, acts; starts what died; ends in order.

It ticks ten times a second, at rest (stopped, with nothing to see to) every five seconds, and wakes for
signals; by one of them the analyser says that there is news. It waits for nothing else, has one thread, and
reads nothing of the traffic. An error of its own is logged and shown (`SUPERVISOR_FAILED`) and never ends it,
because a native sidecar that exits keeps the model from starting; while it lasts the dead man's switch runs
out.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from llmmonitor_sidecar import linux
from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor import children, memory_cap
from llmmonitor_sidecar.supervisor.decide import Observation, Policy, State, decide
from llmmonitor_sidecar.supervisor.delay import RunQueueDelay
from llmmonitor_sidecar.supervisor.drain import Patience
from llmmonitor_sidecar.supervisor.hand_over import HandOver
from llmmonitor_sidecar.supervisor.kept import Kept
from llmmonitor_sidecar.supervisor.reasons import Reason, name_of
from llmmonitor_sidecar.supervisor.restart import Backoff
from llmmonitor_sidecar.supervisor.ruleset import Families
from llmmonitor_sidecar.supervisor.signals import Signals
from llmmonitor_sidecar.supervisor.silence import LOOK_LIMIT_NS, Silence
from llmmonitor_sidecar.supervisor.ways import COVERAGE_INTERVAL_NS, Way

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmmonitor_sidecar.settings import Settings
    from llmmonitor_sidecar.shared_page import SharedPage
    from llmmonitor_sidecar.supervisor.socket_diagnosis import TcpSocket
    from llmmonitor_sidecar.supervisor.target import Target

TICK_SECONDS = 0.1
IDLE_TICK_SECONDS = 1.0
"""When stopped, as long as something is to be seen to: a relay that carries, a successor, a dead analyser."""
REST_TICK_SECONDS = 5.0
"""After that: the document that ends the stop wakes us (`analyser.rest`)."""
REST_LOOK_NS = 1_000_000_000
"""Of each look at rest a fifth counts (`Silence`): an analyser that hangs is killed after ten minutes."""
REST_COVERAGE_INTERVAL_NS = 60_000_000_000
"""The kernel looks through all its connections for it, for a figure that nobody waits for."""
QUIET_NS = 2_000_000_000
"""When stopped, a relay that has carried nothing for so long is not needed."""
FAILURE_PAUSE_SECONDS = 1.0
ANALYSER_STOP_SECONDS = 10.0
"""It goes on answering for some seconds, so that the last report can be fetched."""
LAST_REPORT_SECONDS = 20.0
"""The same when it ends for a successor: the operator knows, and comes."""
NOT_LISTENING_SECONDS = 2.0
AT_REST_NS = 5_000_000_000
"""For so long the model is believed to be at rest after the analyser has said so."""
RELAY_STOP_MARGIN_SECONDS = 1.0
CARRYING_LOOKS = 5
"""Of each look a second a fifth counts (`Silence`): a relay that hangs is killed as soon as ever."""
KILLED_SECONDS = 1.0
"""A killed process is gone by then, or it is waiting in the kernel and is killed again."""
RELAY_ALONE_LIMIT_NS = 400_000_000
"""Where nobody else answers, a relay that is killed again and again is back within a second each time."""
ANALYSER_BACKOFF = Backoff(first_ns=500_000_000, second_ns=1_000_000_000, limit_ns=60_000_000_000)

_GAUGES_OF_A_RELAY = (
    Slot.HEARTBEAT_NS,
    Slot.LISTENING,
    Slot.OPEN_CONNECTIONS,
    Slot.LOOP_LAG_P99_US,
    Slot.READ_CONNECTIONS,
)
"""What a dead relay can no longer take back; while there is none the supervisor may write them."""

_log = logging.getLogger(__name__)


class Supervisor:
    """One pod's supervisor.

    Args:
        settings: of the process.
        page: shared with the children.
        way: how traffic comes to the relay.
        target: knows whether the model listens.
        relay: what the relay's child runs, with the listener the way has for it.
        analyser: what the analyser's child runs.
        policy: the limits of `decide`.
        has_successor: whether another sidecar waits in this pod for ours to end.
        release: lets it begin.
    """

    def __init__(  # noqa: PLR0913 - the seams of the process, each given by name
        self,
        *,
        settings: Settings,
        page: SharedPage,
        way: Way,
        target: Target,
        relay: Callable[[socket.socket | None], None],
        analyser: Callable[[], None],
        policy: Policy,
        has_successor: Callable[[], bool] = lambda: False,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._page = page
        self._way = way
        self._target = target
        self._policy = policy
        self._relay_entry = relay
        self._analyser_entry = analyser
        alone = Backoff(killed_limit_ns=RELAY_ALONE_LIMIT_NS)
        self._relay = Kept("relay", self._start_relay, Backoff() if way.can_step_aside else alone)
        self._analyser = Kept("analyser", self._start_analyser, ANALYSER_BACKOFF)
        self._analyser_silence = Silence(policy.kill_analyser_after_ns)
        self._delay = RunQueueDelay()
        self._hand_over = HandOver(page, has_successor)
        self._has_successor = has_successor
        self._release = release
        self._state = State(at_ns=time.monotonic_ns())
        self._covered_ns = -COVERAGE_INTERVAL_NS
        self._memory_at_ns = 0
        self._carried_at_ns = 0  # when a stopped relay last carried something; 0: not stopped

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT; returns when everything has been undone."""
        linux.adopt_orphans()
        with Signals() as signals:
            stop = False
            while not stop:
                try:
                    self._turn(time.monotonic_ns())
                    if self._hand_over.due(time.monotonic_ns()) and self._makes_room(signals):
                        return
                    pause_seconds = self._tick_seconds
                except Exception:  # noqa: BLE001 - an exit would keep the model from starting
                    _log.exception("the supervisor failed and goes on")
                    self._show_failure()
                    pause_seconds = FAILURE_PAUSE_SECONDS
                stop = signals.wait(pause_seconds)
            try:
                self._stop(signals)
            except Exception:  # noqa: BLE001 - told to end, we end: what is left undone undoes itself in a second
                _log.exception("the supervisor failed while stopping and ends")

    def _turn(self, now_ns: int) -> None:
        self._reap(now_ns)
        seen = self._observe(now_ns)
        self._state, actions = decide(self._state, seen, now_ns, self._policy_in_force())
        self._way.apply(actions.arm, seen.model_listening, now_ns)
        if actions.stepped_aside:
            self._page.add(Slot.ACCEPTED_BEFORE_STEP_ASIDE_TOTAL, self._page[Slot.OPEN_CONNECTIONS])
        if actions.kill_relay and self._relay.child:
            _log.error("relay killed: pid=%d, no heartbeat", self._relay.child.pid)
            self._page.add(Slot.RELAY_KILLS_TOTAL)
            self._relay.child.signal(signal.SIGKILL)
        self._publish(seen, now_ns)
        if self._analyser.child and self._analyser_silence.exceeds_limit(
            self._page[Slot.ANALYSER_HEARTBEAT_NS], now_ns, REST_LOOK_NS if self._rests else LOOK_LIMIT_NS
        ):
            _log.error("analyser killed: pid=%d, no heartbeat", self._analyser.child.pid)
            self._analyser.child.signal(signal.SIGKILL)
        if now_ns >= self._memory_at_ns:
            self._memory_at_ns = now_ns + memory_cap.LOOK_INTERVAL_NS
            self._watch_memory()
        # Only now: a death is seen, and new connections go direct, before there is a successor.
        if self._idle:
            self._retire_quiet_relay(now_ns)
        elif self._way.has_relay:
            self._carried_at_ns = 0
            self._relay.start_when_due(now_ns)
        self._analyser.start_when_due(now_ns)
        if now_ns - self._covered_ns >= (REST_COVERAGE_INTERVAL_NS if self._rests else COVERAGE_INTERVAL_NS):
            self._covered_ns = now_ns
            coverage = self._way.coverage(self._ownership())
            self._page[Slot.READ_CONNECTIONS] = coverage.read
            self._page[Slot.BYPASSING_CONNECTIONS] = coverage.bypassing
            self._drain(now_ns)

    def _drain(self, now_ns: int) -> None:
        """Have idle clients come back through the relay, where the owner wants that."""
        page = self._page
        if not page[Slot.DRAIN_IDLE_MS]:
            return
        at_rest = now_ns - page[Slot.MODEL_AT_REST_NS] < AT_REST_NS
        patience = Patience(page[Slot.DRAIN_IDLE_MS], model_at_rest=at_rest)
        try:
            closed = self._way.drain(patience)
        except OSError as error:
            if page[Slot.DRAIN_ERROR] != error.errno:
                _log.error("idle connections cannot be closed: %s", error)
            page[Slot.DRAIN_ERROR] = error.errno or 0
        else:
            page[Slot.DRAIN_ERROR] = 0
            page.add(Slot.DRAINED_TOTAL, closed)

    @property
    def _idle(self) -> bool:
        """Stopped, and nobody needs the relay to be answered."""
        return bool(self._page[Slot.STOP_REQUESTED]) and (self._way.can_step_aside or not self._way.has_relay)

    @property
    def _rests(self) -> bool:
        """Idle, and nothing is under way that would have to be seen to before somebody wakes us."""
        seen_to = self._relay.child is None and self._analyser.child is not None
        return self._idle and seen_to and not self._hand_over.has_begun

    @property
    def _tick_seconds(self) -> float:
        if self._rests:
            return REST_TICK_SECONDS
        return IDLE_TICK_SECONDS if self._idle else TICK_SECONDS

    def _retire_quiet_relay(self, now_ns: int) -> None:
        """What a relay carries is never cut by a stop; it goes when the last of it has ended."""
        if not self._carried_at_ns or self._page[Slot.OPEN_CONNECTIONS]:
            self._carried_at_ns = now_ns
        elif now_ns - self._carried_at_ns > QUIET_NS:
            self._relay.retire()

    def _watch_memory(self) -> None:
        """The sidecar dies, the model never."""
        relay, analyser = self._relay.child, self._analyser.child
        use = memory_cap.Use(
            supervisor=linux.anonymous_bytes(os.getpid()),
            relay=linux.anonymous_bytes(relay.pid) if relay else 0,
            analyser=linux.anonymous_bytes(analyser.pid) if analyser else 0,
        )
        cap_bytes = self._settings.memory_cap_bytes
        grown = memory_cap.grown(use, cap_bytes)
        child = {memory_cap.Grown.RELAY: relay, memory_cap.Grown.ANALYSER: analyser}.get(grown)
        if child is not None:
            total, cap = use.total >> 20, cap_bytes >> 20
            _log.error("%s killed: the sidecar takes %d MiB and may take %d", child.name, total, cap)
            child.signal(signal.SIGKILL)

    def _policy_in_force(self) -> Policy:
        """The limit may have been pushed since the start."""
        pushed_us = self._page[Slot.MAX_ADDED_LATENCY_US]
        return (
            dataclasses.replace(self._policy, max_added_latency_us=pushed_us) if pushed_us else self._policy
        )

    def _obstacle(self, now_ns: int) -> Reason:
        makes_room = self._settings.can_hand_over and self._hand_over.under_way(now_ns)
        if self._page[Slot.STOP_REQUESTED] and self._way.can_step_aside:
            self._way.close()  # the monitor is gone: leave nothing; comes back with the next document
            return Reason.STOPPED
        if makes_room:
            self._way.close()  # comes back by itself if the successor dies
            return Reason.HANDING_OVER
        return self._way.obstacle(now_ns)

    def _observe(self, now_ns: int) -> Observation:
        page, child = self._page, self._relay.child
        if child is not None:
            self._delay.add(linux.schedule_statistics(child.pid), now_ns)
        model_listening = self._target.listening(now_ns)
        page[Slot.MODEL_NOT_ON_LOOPBACK] = self._target.not_on_loopback
        speaks = child is not None and page[Slot.RELAY_PID] == child.pid
        return Observation(
            relay_alive=child is not None,
            relay_listening=speaks and page[Slot.LISTENING] != 0,
            heartbeat_ns=page[Slot.HEARTBEAT_NS] if speaks else 0,
            loop_lag_us=page[Slot.LOOP_LAG_P99_US],
            run_queue_delay_us=self._delay.p99_us(now_ns),
            model_listening=model_listening,
            obstacle=self._obstacle(now_ns),
        )

    def _publish(self, seen: Observation, now_ns: int) -> None:
        page, state = self._page, self._state
        if page[Slot.STEP_ASIDE_REASON] != state.reason or page[Slot.ARMED] != bool(state.armed):
            _log.info("reading=%s reason=%s", bool(state.armed), name_of(state.reason) or "none")
        page[Slot.ARMED] = bool(state.armed)
        page[Slot.STEP_ASIDE_REASON] = state.reason
        page[Slot.STEP_ASIDES_TOTAL] = state.step_asides_total
        page[Slot.BLIND_NS_TOTAL] = state.blind_ns_total
        page[Slot.MODEL_LISTENING] = bool(seen.model_listening)
        page[Slot.RUN_QUEUE_DELAY_P99_US] = seen.run_queue_delay_us
        page[Slot.SUPERVISOR_HEARTBEAT_NS] = now_ns

    def _show_failure(self) -> None:
        """Nothing is renewed, so that within a second nothing is intercepted; the page says so."""
        self._state = dataclasses.replace(self._state, armed=Families(), reason=Reason.SUPERVISOR_FAILED)
        self._page[Slot.ARMED] = 0
        self._page[Slot.STEP_ASIDE_REASON] = Reason.SUPERVISOR_FAILED

    def _reap(self, now_ns: int) -> None:
        for death in children.reap():
            self._target.on_death(death, now_ns)
            self._analyser.on_death(death, now_ns)
            if self._relay.on_death(death, now_ns):
                for gauge in _GAUGES_OF_A_RELAY:
                    self._page[gauge] = 0

    def _start_relay(self) -> children.Child:
        """Fork a relay, and close our copy of its listener: connections would wait in it for nobody."""
        listener = self._way.listener()
        try:
            child = children.start("relay", lambda: self._relay_entry(listener), signal.SIGTERM)
        finally:
            if listener is not None:
                listener.close()
        self._delay = RunQueueDelay()
        self._page.add(Slot.RELAY_STARTS_TOTAL)
        return child

    def _start_analyser(self) -> children.Child:
        child = children.start("analyser", self._analyser_entry, signal.SIGKILL)
        self._page.add(Slot.ANALYSER_STARTS_TOTAL)
        self._analyser_silence = Silence(self._policy.kill_analyser_after_ns)
        return child

    def _ownership(self) -> Callable[[TcpSocket], bool]:
        """Tells our children's sockets: by inode where we may look, else (after leaving root) by uid."""
        inodes: set[int] = set()
        for child in (self._relay.child, self._analyser.child):
            if child is None:
                continue
            found = linux.socket_inodes(child.pid)
            if found is None:
                uid = os.geteuid()
                return lambda socket_: socket_.uid == uid
            inodes |= found
        return lambda socket_: socket_.inode in inodes

    def _makes_room(self, signals: Signals) -> bool:
        """End for a successor, the connections still carried last; False: it died, so everything goes on."""
        _log.info("handing over to the successor that waits")
        last_report = time.monotonic() + LAST_REPORT_SECONDS
        if self._analyser.child is not None:
            self._analyser.child.signal(signal.SIGTERM)
        while self._analyser.child is not None:
            told_to_stop = signals.wait(TICK_SECONDS)
            if told_to_stop:
                self._stop(signals)
                return True
            if time.monotonic() > last_report and self._analyser.child is not None:
                self._analyser.child.signal(signal.SIGKILL)
            self._reap(time.monotonic_ns())
        if not self._has_successor():
            _log.warning("the successor has gone: going on")
            return False
        self._close_listener(signals)
        self._release()
        _log.info("handed over; %d connections are carried to their end", self._page[Slot.OPEN_CONNECTIONS])
        silence = Silence(self._policy.kill_after_ns // CARRYING_LOOKS)
        while self._relay.child is not None:
            if signals.wait(IDLE_TICK_SECONDS):
                self._stop(signals)
            now_ns = time.monotonic_ns()
            self._reap(now_ns)
            self._watch_memory()
            if self._relay.child and silence.exceeds_limit(self._page[Slot.HEARTBEAT_NS], now_ns):
                _log.error("relay killed: pid=%d, no heartbeat", self._relay.child.pid)
                self._relay.child.signal(signal.SIGKILL)  # clients may ask again; for an answer they wait
        return True

    def _close_listener(self, signals: Signals) -> None:
        """Its port is free before the successor begins; what the relay carries goes on."""
        if self._relay.child is not None:
            self._relay.child.signal(signal.SIGUSR1)
        deadline = time.monotonic() + NOT_LISTENING_SECONDS
        while self._relay.child is not None and self._page[Slot.LISTENING] and time.monotonic() < deadline:
            signals.wait(TICK_SECONDS / 2)
            self._reap(time.monotonic_ns())

    def _stop(self, signals: Signals) -> None:
        """New connections go direct, those carried may finish, the analyser sees their end."""
        _log.info("stopping")
        self._page[Slot.ARMED] = 0
        self._page[Slot.STEP_ASIDE_REASON] = Reason.STOPPING
        self._way.apply(Families(), Families(), time.monotonic_ns())
        self._end(self._relay, self._settings.stop_grace_seconds + RELAY_STOP_MARGIN_SECONDS, signals)
        self._end(self._analyser, ANALYSER_STOP_SECONDS, signals)
        self._way.close()

    def _end(self, kept: Kept, seconds: float, signals: Signals) -> None:
        """SIGTERM, and SIGKILL after so long or when we are told to stop once more."""
        if kept.child is None:
            return
        deadline = time.monotonic() + seconds
        kept.child.signal(signal.SIGTERM)
        while kept.child is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or signals.wait(min(remaining, TICK_SECONDS)):
                kept.child.signal(signal.SIGKILL)
                deadline = time.monotonic() + KILLED_SECONDS
            self._reap(time.monotonic_ns())
