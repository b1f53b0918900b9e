"""What runs in the bench's pods: a model that answers at once on two ports, and a client that times it.

One process serves both ports, of which the monitor names one: so the same pod is asked through the attached
sidecar and past it, in turns, by connections that are made anew for each round. The model's container can be
made busy (`/hog?N` starts N processes that only compute, `/calm` ends them), as a model is that computes on a
CPU: the attached sidecar is last in line then. Both are Python programs for the sidecar's image.
"""

from __future__ import annotations

DIRECT_PORT = 8001
"""Beside the model's own, and named by no monitor."""
MODEL = """
import http.server, os, signal, sys, threading
hogs = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        path, _, number = self.path.partition("?")
        if path == "/hog":
            for _ in range(int(number)):
                pid = os.fork()
                if pid == 0:
                    while True: pass
                hogs.append(pid)
        elif path == "/calm":
            while hogs:
                os.kill(hogs[-1], signal.SIGKILL)
                os.waitpid(hogs.pop(), 0)
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_): pass
servers = [http.server.ThreadingHTTPServer(("", int(port)), Handler) for port in sys.argv[1:]]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
"""
CLIENT = """
import json, random, socket, sys, time
host, requests = sys.argv[1], int(sys.argv[2])
subjects = dict(one.rsplit("=", 1) for one in sys.argv[3:])
def connect(port):
    made = socket.create_connection((host, int(port)), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
kept = {name: connect(port) for name, port in subjects.items()}
took = {name: [] for name in subjects}
for number in range(requests + 5):
    for name in random.sample(list(kept), len(kept)):
        began = time.perf_counter()
        kept[name].sendall(b"GET / HTTP/1.1\\r\\nhost: model\\r\\n\\r\\n")
        data = b""
        while not data.endswith(b"hello"):
            piece = kept[name].recv(4096)
            if not piece: raise SystemExit("the connection was closed within an answer")
            data += piece
        if number >= 5:
            took[name].append(time.perf_counter() - began)
    time.sleep(0.002)
print(json.dumps(took))
"""
