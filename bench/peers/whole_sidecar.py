"""Our whole sidecar in listen mode: supervisor, relay and analyser, with all analysis on."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

from bench.peers.running import PeerUnavailableError, Place, Running, free_port, launch, wait_for

DESCRIPTION = "our whole sidecar (supervisor, relay, analyser), all analysis on, on the relay's core"


class Sidecar(Running):
    """A started sidecar; `api_port` is where its report is served."""

    api_port = 0

    def parts(self) -> dict[str, list[int]]:
        """Supervisor, relay, analyser: the first process, and its children told apart by their niceness."""
        family = self.pids()
        found: dict[str, list[int]] = {"supervisor": family[:1], "relay": [], "analyser": []}
        for pid in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                found["analyser" if os.getpriority(os.PRIO_PROCESS, pid) > 0 else "relay"].append(pid)
        return found


def start(place: Place) -> Running:
    """Start it. Raises PeerUnavailableError where the program is not installed or does not come up."""
    program = shutil.which("llm-monitor-sidecar", path=str(Path(sys.executable).parent))
    if program is None:
        raise PeerUnavailableError("sidecar: llm-monitor-sidecar is not installed in this environment")
    port, api_port = free_port(), free_port()
    environment = {
        "LLM_MONITOR_MODE": "listen",
        "LLM_MONITOR_TARGET_PORT": str(place.model_port),
        "LLM_MONITOR_LISTEN_PORT": str(port),
        "LLM_MONITOR_API_HOST": "127.0.0.1",
        "LLM_MONITOR_API_PORT": str(api_port),
        "LLM_MONITOR_STOP_GRACE": "1s",
    }
    running = launch("sidecar", [program], port, place, environment, Sidecar)
    if isinstance(running, Sidecar):
        running.api_port = api_port
    try:
        wait_for(api_port, running)  # the analyser takes longer to start than the relay
    except PeerUnavailableError:
        running.stop()
        raise
    return running
