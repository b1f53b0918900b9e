"""nginx as the HTTP proxy before the model: one worker, answers unbuffered, upstream connections kept."""

import shutil

from bench.peers.running import PeerUnavailableError, Place, Running, free_port, launch

DESCRIPTION = "nginx, HTTP, one worker, proxy_buffering off, upstream keep-alive"

_CONFIGURATION = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    tcp_nodelay on;
    keepalive_requests 1000000;
    upstream model {{ server 127.0.0.1:{model_port}; keepalive 1024; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
        }}
    }}
}}
"""


def start(place: Place) -> Running:
    """Start it. Raises PeerUnavailableError where nginx is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise PeerUnavailableError("nginx: not installed (Debian: nginx-light)")
    port = free_port()
    file = place.directory / "nginx.conf"
    file.write_text(_CONFIGURATION.format(directory=place.directory, port=port, model_port=place.model_port))
    command = [program, "-p", str(place.directory), "-c", str(file), "-e", "stderr"]
    return launch("nginx", command, port, place)
