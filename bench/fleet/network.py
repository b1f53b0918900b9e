"""A network that nothing else is in: where the control plane, the operator and ten thousand addresses meet.

Every address of 127.0.0.0/8 is this namespace's own, so one listening socket answers for all simulated pods.
The API server's address is that of the end-to-end tests' cluster, which is no matter: no packet leaves.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster.layout import CONTROL_PLANE

NAME = "llm-monitor-scale"
"""Without the prefix of the other cluster's namespaces, which would be deleted with them."""
_LOCK = Path("/run", f"{NAME}.lock")
_TIMEOUT_SECONDS = 30
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def made() -> Iterator[list[str]]:
    """The network for as long as the context lasts; gives the start of a command that runs in it."""
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another bench of this kind runs on this machine ({_LOCK} is locked)") from None
        yield from _made()


def _made() -> Iterator[list[str]]:
    if Path("/run/netns", NAME).exists():  # a run that was killed
        _ip("netns", "delete", NAME)
    _ip("netns", "add", NAME)
    try:
        _ip("-n", NAME, "link", "set", "lo", "up")
        # both ends inside: there is no dummy device everywhere, and the API server wants an address
        _ip("-n", NAME, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        _ip("-n", NAME, "address", "add", f"{CONTROL_PLANE.address}/24", "dev", "eth0")
        for device in ("eth0", "eth1"):
            _ip("-n", NAME, "link", "set", device, "up")
        yield ["nsenter", f"--net=/run/netns/{NAME}", "--"]
    finally:
        _ip("netns", "delete", NAME)


def _ip(*arguments: str) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}"}
    subprocess.run(["ip", *arguments], check=True, timeout=_TIMEOUT_SECONDS, env=environment)
