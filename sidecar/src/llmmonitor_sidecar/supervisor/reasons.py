"""Why new connections are not being read: the codes of `Slot.STEP_ASIDE_REASON` in the shared page.

A page holds numbers, a condition says words: `name_of` turns the one into the other. The words are reasons of
the condition `Intercepting`.
"""

from __future__ import annotations

import enum


@enum.unique
class Reason(enum.IntEnum):
    """A code; never renumbered, since analyser and supervisor may be of two ages after an upgrade."""

    READING = 0
    """Not at all: new connections are being read."""
    OFF = 1
    """The owner wants no interception."""
    STARTING = 2
    """The relay has been started and has not said that it is ready."""
    MODEL_NOT_LISTENING = 3
    """Nothing to read: a connection would be refused, and stays refused."""
    STARVED_OF_CPU = 4
    """The relay waits for a CPU, or its loop comes late, beyond what the owner allows to be added."""
    RELAY_STALLED = 5
    """No heartbeat of the relay."""
    RELAY_DOWN = 6
    """The relay's process is gone; a new one is being started."""
    KERNEL_UNSUPPORTED = 7
    """No nftables, no TPROXY or no sock_diag: gVisor, Kata, an old kernel."""
    HOST_NETWORK = 8
    """The pod has the node's network; a rule there would be everybody's."""
    MESH_REDIRECTS = 9
    """A service mesh redirects this pod's traffic already."""
    NOT_PERMITTED = 10
    """NET_ADMIN is missing."""
    PORT_TAKEN = 11
    """Somebody else listens on the relay's port."""
    STOPPED = 12
    """The operator asked for it: the monitor is gone."""
    STOPPING = 13
    """The sidecar is going away."""
    SUPERVISOR_FAILED = 14
    """An error of the supervisor's own; it is logged, and tried again."""
    HANDING_OVER = 15
    """A successor waits in this pod, and the operator wants it to take over."""


_NAMES = {
    Reason.READING: "",
    Reason.OFF: "Off",
    Reason.STARTING: "Starting",
    Reason.MODEL_NOT_LISTENING: "ModelNotListening",
    Reason.STARVED_OF_CPU: "StarvedOfCPU",
    Reason.RELAY_STALLED: "RelayStalled",
    Reason.RELAY_DOWN: "RelayDown",
    Reason.KERNEL_UNSUPPORTED: "KernelUnsupported",
    Reason.HOST_NETWORK: "HostNetwork",
    Reason.MESH_REDIRECTS: "MeshRedirects",
    Reason.NOT_PERMITTED: "NotPermitted",
    Reason.PORT_TAKEN: "PortTaken",
    Reason.STOPPED: "Stopped",
    Reason.STOPPING: "Stopping",
    Reason.SUPERVISOR_FAILED: "SupervisorFailed",
    Reason.HANDING_OVER: "HandingOver",
}


def name_of(code: int) -> str:
    """The condition's reason for a code; empty when reading, `Unknown` for a code of another version."""
    return _NAMES[Reason(code)] if code in _NAMES else "Unknown"
