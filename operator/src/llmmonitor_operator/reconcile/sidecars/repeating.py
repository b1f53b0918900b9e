"""Reports that sidecars tell again and again in one answer, while their monitor rests (`report.repeated`).

Whoever was asked for more is expected to have told them by each look. Who has not, for whatever reason (a
version that knows nothing of it, a proxy that waits for the end of answers, a connection that is gone), is
asked as ever for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_api.report.told import sequence_of
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.heard import Heard, S
from llmmonitor_operator.reconcile.sidecars.wire import Connections

PLAIN_SECONDS = 600.0
"""So long nobody is asked for more who has not told them."""


@dataclass(slots=True)
class _Expected:
    """That one sidecar was asked for; not frozen, as `heard.Heard`."""

    since: str
    """The report that they are to go on from (`report.told`)."""
    left: int


class Repeating:
    """By pod UID."""

    def __init__(self, connections: Connections, clock: Callable[[], float]) -> None:
        """Nobody was asked for more. Args: clock: Unix seconds."""
        self._connections = connections
        self._clock = clock
        self._more: dict[str, _Expected] = {}
        self._plain_until: dict[str, float] = {}

    def begin(self, uid: str, since: str, times: int) -> int:
        """It is asked now; how many reports it may be asked for, 0 for one in an answer of its own.

        Args:
            uid: of its pod.
            since: the report that is known (`report.told`).
            times: how many are wished for; 0 for one.
        """
        self.over(uid)
        if not times or 0 < self._plain_until.get(uid, 0.0) - self._clock() <= PLAIN_SECONDS:
            return 0
        self._more[uid] = _Expected(since, times - 1)
        return times

    def over(self, uid: str) -> None:
        """It is asked for something else, which ends what it tells."""
        self._more.pop(uid, None)

    def failed(self, uid: str) -> None:
        """It has not told what it was asked for."""
        if self._more.pop(uid, None) is not None:
            self._plain_until[uid] = self._clock() + PLAIN_SECONDS

    def expects(self, uid: str) -> bool:
        """Whether it was asked for more."""
        return uid in self._more

    def take(self, address: Address, since: str, read: Callable[[bytes], S]) -> Heard[S] | None:
        """What it has told since it was looked at last; None: it has to be asked.

        Args:
            address: whose.
            since: the report that is known (`report.told`).
            read: see `SidecarClient.hear`.
        """
        more = self._more.get(address.uid)
        if more is None or not more.left or more.since != since:
            return None
        more.left -= 1
        line = self._connections.take_line(address.ip, address.port)
        said = None if line is None else _read(line, read)
        if line is None or said is None or not _follows(said, address.uid, since):
            self.failed(address.uid)
            return None
        return Heard(said, line)

    def forget_but(self, uids: Collection[str]) -> None:
        """The others are gone."""
        self._more = {uid: more for uid, more in self._more.items() if uid in uids}
        self._plain_until = {uid: until for uid, until in self._plain_until.items() if uid in uids}


def _read(line: bytes, read: Callable[[bytes], S]) -> S | None:
    try:
        return read(line)
    except UnreadableReport:  # it is asked, and what it says then is looked at
        return None


def _follows(said: S, uid: str, since: str) -> bool:
    """Whether it is this pod's, and says what came since that report, or all.

    Which keys it believes was learned from the answer: others come by a configuration, which ends the rest.
    """
    return said.identity.pod_uid == uid and said.since in {None, sequence_of(since)}
