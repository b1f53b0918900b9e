"""A small real HTTP/1.1 server, in a process of its own: stands for the model."""

import contextlib
import http.server
import socket
import socketserver
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer(b"I am the model\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("content-length", "10")
            self.end_headers()
            for _ in range(10):
                time.sleep(0.1)
                self.wfile.write(b".")
            return
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)

    def handle_error(self, *_arguments: object) -> None:
        """Clients that go away are part of the tests."""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), Server(sys.argv[1], int(sys.argv[2])) as server:
        print(server.server_address[1], flush=True)  # noqa: T201 - how the test learns the port
        server.serve_forever()
