"""Where a sidecar is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where a pod's sidecar answers, and who it is."""

    uid: str
    ip: str
    port: int
    begins_with: tuple[str, ...] = ()
    """Names of the keys it believes when its container starts."""
    on_the_node: bool = False
    """Whether the pod has its node's network, so that the port is one of the node's (hostNetwork)."""

    @property
    def url(self) -> str:
        """Without a path."""
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"http://{host}:{self.port}"
