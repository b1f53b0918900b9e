"""HAProxy in front of the model, in TCP mode (bytes only, like the relay) and in HTTP mode; one thread."""

import shutil

from bench.peers.running import PeerUnavailableError, Place, Running, free_port, launch

TCP_DESCRIPTION = "HAProxy, TCP mode, one thread"
HTTP_DESCRIPTION = "HAProxy, HTTP mode, one thread"

_CONFIGURATION = """
global
    nbthread 1
    maxconn 8192
defaults
    mode {mode}
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    {options}
listen model
    bind 127.0.0.1:{port} backlog 4096
    server model 127.0.0.1:{model_port}
"""


def start_tcp(place: Place) -> Running:
    """Start it in TCP mode. Raises PeerUnavailableError where HAProxy is not installed."""
    return _start("haproxy-tcp", "tcp", "", place)


def start_http(place: Place) -> Running:
    """Start it in HTTP mode, not gathering small writes. Raises PeerUnavailableError if not installed."""
    return _start("haproxy-http", "http", "option http-no-delay", place)


def _start(name: str, mode: str, options: str, place: Place) -> Running:
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        raise PeerUnavailableError("haproxy: not installed (Debian: haproxy)")
    port = free_port()
    file = place.directory / f"{name}.cfg"
    file.write_text(_CONFIGURATION.format(mode=mode, options=options, port=port, model_port=place.model_port))
    return launch(name, [program, "-db", "-f", str(file)], port, place)
