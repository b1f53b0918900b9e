"""Whether the operator still tends its verdicts, seen from its Lease; pure.

Clocks of two nodes may differ, so only our own counts, as in client-go's election: a renewal is as old as the
time since we saw it. Only the first one we see, of which we know no more, is judged by what it says itself.
"""

from __future__ import annotations

from datetime import datetime

from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw

FRESH_SECONDS = 60.0


class OperatorAlive:
    """Follows one Lease."""

    def __init__(self) -> None:
        self._renewed: str | None = None
        self._renewed_at = float("-inf")
        """On our monotonic clock."""

    def saw(self, lease: Raw, now: datetime, monotonic: float) -> None:
        """The Lease is so now.

        Args:
            lease: as the API server gives it.
            now: by this node's clock.
            monotonic: the same moment on a clock that never jumps, in seconds.
        """
        spec = lease.get("spec") or {}
        renewed = str(spec.get("renewTime") or "")
        if not renewed or not spec.get("holderIdentity"):
            return  # given back: nobody tends the verdicts, however new this is
        if self._renewed is None:
            at = unix_seconds(renewed)
            self._renewed_at = float("-inf") if at is None else monotonic - max(0.0, now.timestamp() - at)
        elif renewed != self._renewed:
            self._renewed_at = monotonic
        self._renewed = renewed

    def age_seconds(self, monotonic: float) -> float:
        """Since the last renewal; infinite if there was none."""
        return monotonic - self._renewed_at

    def fresh(self, monotonic: float) -> bool:
        """Whether the verdicts may be believed."""
        return self.age_seconds(monotonic) <= FRESH_SECONDS
