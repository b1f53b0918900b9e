"""Our relay without supervisor and analyser; a second process reads its copies and throws them away."""

import sys

from bench.peers.running import Place, Running, free_port, launch

DESCRIPTION = "our relay alone; its copies are read and thrown away (the part `reader`)"


class _Relay(Running):
    """The relay is the first process, the reader its child."""

    def parts(self) -> dict[str, list[int]]:
        family = self.pids()
        return {"relay": family[:1], "reader": family[1:]}


def start(place: Place) -> Running:
    """Start it in listen mode."""
    port = free_port()
    command = [sys.executable, "-m", "llmmonitor_sidecar.relay"]
    command += ["--listen", f"127.0.0.1:{port}", "--target", f"127.0.0.1:{place.model_port}"]
    return launch("relay", command, port, place, kind=_Relay)
