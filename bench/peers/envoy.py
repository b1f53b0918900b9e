"""Envoy with HTTP parsing: what a service mesh puts in front of the model. One worker thread.

The program comes from PyPI (requirements/bench.txt, hashed) in an environment of its own, made by
`install.py`.
"""

import json

from bench.peers.install import envoy_program
from bench.peers.running import PeerUnavailableError, Place, Running, free_port, launch

DESCRIPTION = "Envoy 1.40, HTTP connection manager and router, --concurrency 1"


def start(place: Place) -> Running:
    """Start it. Raises PeerUnavailableError where its environment could not be made."""
    program = envoy_program()
    if not program.exists():
        raise PeerUnavailableError("envoy: its environment is missing (python -m bench.peers.install)")
    port = free_port()
    file = place.directory / "envoy.json"
    file.write_text(json.dumps(_configuration(port, place.model_port)))
    command = [str(program), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    return launch("envoy", command, port, place)


def _configuration(port: int, model_port: int) -> dict[str, object]:
    routes = {"virtual_hosts": [{"name": "model", "domains": ["*"], "routes": [_ROUTE]}]}
    manager = {
        "@type": _TYPE + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "model",
        "route_config": routes,
        "http_filters": [
            {"name": "router", "typed_config": {"@type": _TYPE + "filters.http.router.v3.Router"}}
        ],
    }
    listener = {
        "name": "model",
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    limit = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    cluster = {
        "name": "model",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {
            "cluster_name": "model",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(model_port)}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


_TYPE = "type.googleapis.com/envoy.extensions."
_ROUTE = {"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}
