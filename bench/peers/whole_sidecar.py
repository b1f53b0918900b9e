"""Our whole sidecar in listen mode: supervisor, relay and analyser, with all analysis on."""

import base64
import contextlib
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path

from bench.peers.running import PeerUnavailableError, Place, Running, free_port, launch, wait_for
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from llmmonitor_api.report.report import Report, decode
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_request

DESCRIPTION = "our whole sidecar (supervisor, relay, analyser), all analysis on, on the relay's core"
_POD_UID = "bench"
_REPORT_PATH = "/v1/report"


class Sidecar(Running):
    """A started sidecar; `api_port` is where its report is served, to requests signed with `key`."""

    api_port: int
    key: Ed25519PrivateKey

    def report(self) -> Report:
        """Its report of this moment."""
        signature = sign_request("GET", _REPORT_PATH, self.key, _POD_UID, time.time())
        url = f"http://127.0.0.1:{self.api_port}{_REPORT_PATH}"
        request = urllib.request.Request(url, headers={"Authorization": signature})
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - same
            return decode(answer.read())

    def parts(self) -> dict[str, list[int]]:
        """Supervisor, relay, analyser: the first process, and its children told apart by their niceness."""
        family = self.pids()
        found: dict[str, list[int]] = {"supervisor": family[:1], "relay": [], "analyser": []}
        for pid in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                found["analyser" if os.getpriority(os.PRIO_PROCESS, pid) > 0 else "relay"].append(pid)
        return found


def start(place: Place) -> Sidecar:
    """Start it. Raises PeerUnavailableError where the program is not installed or does not come up."""
    program = shutil.which("llm-monitor-sidecar", path=str(Path(sys.executable).parent))
    if program is None:
        raise PeerUnavailableError("sidecar: llm-monitor-sidecar is not installed in this environment")
    port, api_port, key = free_port(), free_port(), generate_private_key()
    environment = {
        "LLM_MONITOR_MODE": "listen",
        "LLM_MONITOR_TARGET_PORT": str(place.model_port),
        "LLM_MONITOR_LISTEN_PORT": str(port),
        "LLM_MONITOR_API_HOST": "127.0.0.1",
        "LLM_MONITOR_API_PORT": str(api_port),
        "LLM_MONITOR_STOP_GRACE": "1s",
        "LLM_MONITOR_PUBLIC_KEY": base64.b64encode(public_key_bytes(key)).decode(),
        "LLM_MONITOR_POD_UID": _POD_UID,
    }
    running = launch("sidecar", [program], port, place, environment, Sidecar)
    assert isinstance(running, Sidecar)  # noqa: S101 - launch makes the kind it is told
    running.api_port, running.key = api_port, key
    try:
        wait_for(api_port, running)  # the analyser takes longer to start than the relay
    except PeerUnavailableError:
        running.stop()
        raise
    return running
