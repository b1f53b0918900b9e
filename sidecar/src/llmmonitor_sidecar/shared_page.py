"""One page of memory that supervisor, relay and analyser share, as a table of named 64-bit numbers.

The supervisor makes it before it forks, so it outlives either child: totals go on where a dead relay left
them. Each slot has one writer, named in the table below; everyone may read at any time, without locks: an
aligned 64-bit store is one instruction on every machine this runs on. Times are CLOCK_MONOTONIC
nanoseconds, which all processes of a pod share. The report is filled from here by the analyser.
"""

import mmap
from enum import IntEnum, unique


@unique
class Slot(IntEnum):
    """Where each number lies. New slots go to the end of their writer's range."""

    # Written by the relay. Totals never go back, not even when a new relay takes over.
    HEARTBEAT_NS = 0  # when the relay's loop last came round its 50 ms timer
    ACCEPTED_TOTAL = 1  # connections taken from the listener
    OPEN_CONNECTIONS = 2  # connections the relay carries now
    UPSTREAM_REFUSED_TOTAL = 3  # connections reset because the model refused or did not answer in time
    BYTES_TO_MODEL_TOTAL = 4  # bytes written to the model's sockets
    BYTES_TO_CLIENT_TOTAL = 5  # bytes written to the clients' sockets
    TEE_DROPPED_BYTES_TOTAL = 6  # bytes forwarded whose copy was dropped (the analyser never sees them)
    TEE_LOST_CONNECTIONS_TOTAL = 7  # connections that lost copies: not analysed from then on
    LOOP_LAG_P99_US = 8  # p99 over the last 5 s of how late the loop's 50 ms timer came, microseconds
    LISTENING = 9  # the port the relay listens on; 0 while it does not accept
    RELAY_PID = 10  # process id of the relay that wrote these numbers last
    ACCEPT_FAILURES_TOTAL = 11  # accepts that failed for want of descriptors or memory
    ACCEPT_STALLED = 12  # 1 while accepting is paused after such a failure
    STOPPING = 13  # 1 from SIGTERM on: no new connections, those open may finish
    LOOP_LAG_MAX_US = 14  # worst lateness of the last 5 s, microseconds

    # Written by the supervisor.
    ARMED = 64  # 1 while the kernel sends new connections to the relay
    STEP_ASIDE_REASON = 65  # why not armed, a code of the supervisor's own table; 0 = armed
    STEP_ASIDES_TOTAL = 66  # times interception was withdrawn although wanted
    BLIND_NS_TOTAL = 67  # time in which interception was wanted and new connections were not read
    RELAY_STARTS_TOTAL = 68  # relay processes forked
    ANALYSER_STARTS_TOTAL = 69  # analyser processes forked
    MODEL_LISTENING = 70  # 1 while the model's listening socket exists
    BYPASSING_CONNECTIONS = 71  # established connections to the model that are not the relay's
    READ_CONNECTIONS = 72  # established connections to the model that are the relay's
    ACCEPT_WANTED = 73  # listen mode: not 0 while the relay shall listen; 1: model on IPv4, 2: IPv6, 3: both
    RUN_QUEUE_DELAY_P99_US = 74  # p99 over 5 s of the relay's wait for a CPU, microseconds
    ACCEPTED_BEFORE_STEP_ASIDE_TOTAL = 75  # connections the relay held at each step-aside, added up
    SUPERVISOR_HEARTBEAT_NS = 76  # when the supervisor last came round its own timer
    RELAY_KILLS_TOTAL = 77  # relays killed by the watchdog for want of a heartbeat
    MODEL_NOT_ON_LOOPBACK = 78  # 1 while the model listens, and only the pod's own address reaches it
    DRAINED_TOTAL = 79  # idle connections past the relay that were closed
    DRAIN_ERROR = 80  # errno with which the kernel refused to close one; 0: it did not

    # Written by the analyser.
    ANALYSER_HEARTBEAT_NS = 128  # when the analyser's loop last came round
    GENERATION_APPLIED = 129  # generation of the configuration document in force
    STOP_REQUESTED = 130  # 1 when a signed document asked for interception to end
    MAX_ADDED_LATENCY_US = 131  # the limit in force, microseconds; 0: as the settings say
    HAND_OVER_REQUESTED = 132  # 1 when asked to make room for a successor, or when the configuration ran out
    REQUESTS_IN_FLIGHT = 133  # requests that the model has and has not answered, of those that are read
    DRAIN_IDLE_MS = 134  # close connections past the relay that were idle for so long; 0: none
    MODEL_AT_REST_NS = 135  # when the model server last said that it works on nothing at all; 0: it does not

    # Written by the analyser: what it has already put into reports of the totals above, so that its successor
    # goes on from there and neither loses nor repeats what happened in between.
    REPORTED_ACCEPTED_TOTAL = 160
    REPORTED_UPSTREAM_REFUSED_TOTAL = 161
    REPORTED_BYTES_TO_MODEL_TOTAL = 162
    REPORTED_BYTES_TO_CLIENT_TOTAL = 163
    REPORTED_TEE_DROPPED_BYTES_TOTAL = 164
    REPORTED_TEE_LOST_CONNECTIONS_TOTAL = 165
    REPORTED_STEP_ASIDES_TOTAL = 166
    REPORTED_BLIND_NS_TOTAL = 167
    REPORTED_RELAY_STARTS_TOTAL = 168
    REPORTED_ANALYSER_STARTS_TOTAL = 169
    REPORTED_DRAINED_TOTAL = 170


class SharedPage:
    """The page itself. Index it by `Slot`; values are unsigned 64-bit, 0 at first."""

    __slots__ = ("_map", "_words")

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, mmap.PAGESIZE)  # anonymous and MAP_SHARED: children inherit it by fork
        self._words = memoryview(self._map).cast("Q")

    def __getitem__(self, slot: Slot) -> int:
        """The slot's value now."""
        return self._words[slot]

    def __setitem__(self, slot: Slot, value: int) -> None:
        """Store a value; only the slot's writer may.

        Raises:
            ValueError: the value is negative or does not fit 64 bits.
        """
        self._words[slot] = value

    def add(self, slot: Slot, amount: int = 1) -> None:
        """Count up. Not atomic between processes: the slot's one writer is what makes it exact."""
        self._words[slot] += amount
