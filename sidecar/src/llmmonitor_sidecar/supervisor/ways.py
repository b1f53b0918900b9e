"""The ways traffic comes to the relay, as the supervisor handles them: listen, or not at all.

The third way, through the kernel, is `transparent`. What differs between them is here and there and nowhere
else: what stands in the way, what socket a new relay gets, how reading begins and ends, and what is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llmmonitor_sidecar.shared_page import Slot
from llmmonitor_sidecar.supervisor.coverage import Coverage
from llmmonitor_sidecar.supervisor.coverage import listening as listening_coverage
from llmmonitor_sidecar.supervisor.reasons import Reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmmonitor_sidecar.settings import Settings
    from llmmonitor_sidecar.shared_page import SharedPage
    from llmmonitor_sidecar.supervisor.drain import Patience
    from llmmonitor_sidecar.supervisor.ruleset import Families
    from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis, TcpSocket

COVERAGE_INTERVAL_NS = 10_000_000_000


class Way(Protocol):
    """How connections come to be read."""

    has_relay: bool
    """Whether there is anything for a relay to do."""
    can_step_aside: bool
    """Whether somebody else answers new connections when we do not."""

    def obstacle(self, now_ns: int) -> Reason:
        """What forbids reading now; READING when nothing does."""

    def listener(self) -> socket.socket | None:
        """The listening socket for a new relay; None when it makes its own.

        Raises:
            OSError: when there is none to be had; `obstacle` says why from then on.
        """

    def apply(self, arm: Families, model: Families, now_ns: int) -> None:
        """Read new connections by `arm` only; the model listens by `model`."""

    def coverage(self, is_ours: Callable[[TcpSocket], bool]) -> Coverage:
        """Established connections, read and not."""

    def drain(self, patience: Patience) -> int:
        """Close some idle ones that are not read and could be; how many.

        Raises:
            OSError: the kernel does not do that.
        """

    def close(self) -> None:
        """Leave nothing behind."""


class Listen:
    """The relay owns a port and forwards to the model; without it nobody answers there."""

    has_relay = True
    can_step_aside = False

    def __init__(self, settings: Settings, page: SharedPage, diagnosis: SocketDiagnosis | None) -> None:
        """Args: diagnosis: None when the target is not in this network namespace."""
        self._port = settings.target_port
        self._page = page
        self._diagnosis = diagnosis

    def obstacle(self, now_ns: int) -> Reason:  # noqa: ARG002 - nothing can stand in the way
        """Nothing."""
        return Reason.READING

    def listener(self) -> None:
        """The relay makes its own, and only while `ACCEPT_WANTED`."""

    def apply(self, arm: Families, model: Families, now_ns: int) -> None:  # noqa: ARG002 - a level, no deadline
        """Refused stays refused: listen while the model does."""
        self._page[Slot.ACCEPT_WANTED] = model.ipv4 + 2 * model.ipv6

    def coverage(self, is_ours: Callable[[TcpSocket], bool]) -> Coverage:
        """Of a model elsewhere only the relay's own connections are known."""
        carried = self._page[Slot.OPEN_CONNECTIONS]
        if self._diagnosis is None:
            return Coverage(carried, 0)
        at_port = self._diagnosis.established(local_port=self._port)
        to_port = self._diagnosis.established(remote_port=self._port)
        return listening_coverage(at_port, to_port, is_ours, carried)

    def drain(self, patience: Patience) -> int:  # noqa: ARG002 - who asks the model itself goes on to do so
        """None: there is no rule to bypass."""
        return 0

    def close(self) -> None:
        """The listener goes with the relay."""
        self._page[Slot.ACCEPT_WANTED] = 0


class Off:
    """No interception: samplers, probes and the engine's own metrics only."""

    has_relay = False
    can_step_aside = False

    def __init__(self, reason: Reason = Reason.OFF) -> None:
        self._reason = reason

    def obstacle(self, now_ns: int) -> Reason:  # noqa: ARG002 - for good
        """Why nothing is read."""
        return self._reason

    def listener(self) -> None:
        """There is no relay."""

    def apply(self, arm: Families, model: Families, now_ns: int) -> None:
        """Nothing to do."""

    def coverage(self, is_ours: Callable[[TcpSocket], bool]) -> Coverage:  # noqa: ARG002 - nothing is ours
        """Nothing is read, nothing is missed."""
        return Coverage(0, 0)

    def drain(self, patience: Patience) -> int:  # noqa: ARG002 - none would be read
        """None."""
        return 0

    def close(self) -> None:
        """Nothing to undo."""
