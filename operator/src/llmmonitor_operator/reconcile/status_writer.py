"""The one writer of `status`: conditions at once, figures at most once a minute, nothing new not at all."""

from __future__ import annotations

from typing import Any

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.raw import Raw

FIGURES_EVERY_SECONDS = 60.0


class StatusWriter:
    """Writes the status of every monitor."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def write(self, raw_monitor: Raw, status: dict[str, Any], now: float) -> bool:
        """Write `status` if it says something new.

        Returns:
            Whether it was written; False too when the monitor is gone.

        Raises:
            ApiError: the API server refuses or is away.
        """
        raise NotImplementedError

    def forget(self, uid: str) -> None:
        """The monitor is gone."""
        raise NotImplementedError
