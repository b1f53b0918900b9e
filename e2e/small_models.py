"""A chat model of twenty lines as people deploy theirs, for tests that need its pods and not its words.

It answers like OpenAI's API, with the counts of tokens that real servers give; it runs in any image that has
a Python, here the sidecar's own, and has a name and a port that no engine is known by: so the monitor names
both. `served_by` puts another server in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from e2e import chat
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT, PYTHON, reads
from e2e.waiting import condition, until

CONTAINER = "model"
PATIENT = "1s"
"""A machine that runs all of this has no 5 ms for a sidecar at any time; it would step aside."""
SMALL: Mapping[str, Any] = {"requests": {"cpu": "10m", "memory": "32Mi"}}

SERVER = """
import http.server, json, os, sys, threading
port, seconds, ballast = int(sys.argv[1]), float(sys.argv[2]), b"x" * int((sys.argv[3:] or ["0"])[0])
message = {"role": "assistant", "content": "Hello to you."}
answer = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("", port), Handler)
if seconds:
    threading.Timer(seconds, lambda: os._exit(0)).start()
server.serve_forever()
"""
CLIENT = """
import http.client, json, os, sys, time
host, port, seconds, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "Hi"}]})
seen = {"answered": 0, "failed": 0}
until = time.monotonic() + seconds
while time.monotonic() < until and not os.path.exists("/tmp/over"):
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        reply = connection.getresponse()
        good = reply.status == 200 and json.loads(reply.read())["usage"]["total_tokens"] == 7
    except (OSError, http.client.HTTPException, ValueError):
        good = False
    connection.close()
    seen["answered" if good else "failed"] += 1
    time.sleep(pause)
print(json.dumps(seen), flush=True)
"""
KEEPING_CLIENT = """
import http.client, json, sys, time
host, port, seconds, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4})
seen = {"answered": 0, "failed": 0, "connections": 0, "closed_while_idle": 0}
connection = None
def ask():
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    reply = connection.getresponse()
    return reply.status == 200 and json.loads(reply.read())["usage"]["total_tokens"] > 0
until = time.monotonic() + seconds
while time.monotonic() < until:
    good = False
    for again in (False, True):
        kept = connection is not None
        if not kept:
            connection = http.client.HTTPConnection(host, port, timeout=30)
            seen["connections"] += 1
        try:
            good = ask()
            break
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            connection = None
            if not kept or again:  # only one that was idle is tried anew, once, as HTTP clients do
                break
            seen["closed_while_idle"] += 1
    seen["answered" if good else "failed"] += 1
    print(json.dumps(seen), flush=True)
    time.sleep(pause)
"""


def server(image: str, *, seconds: float = 0.0, ballast: int = 0, **fields: Any) -> dict[str, Any]:
    """The container; with `seconds` it ends by itself after that time, as a batch job does.

    `ballast` is bytes of memory that it holds besides, as weights would be.
    """
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-c", SERVER, str(PORT), str(seconds), str(ballast)],
        "ports": [{"containerPort": PORT, "name": "http"}],
        "resources": SMALL,
        **fields,
    }


def deployment(name: str, container: Mapping[str, Any], *, replicas: int = 1, **pod: Any) -> dict[str, Any]:
    """A Deployment whose pods have the label `app: NAME`; `pod` goes over their spec."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": _template(name, container, pod),
        },
    }


def job(name: str, container: Mapping[str, Any]) -> dict[str, Any]:
    """A Job of one pod that is not tried again."""
    template = _template(name, container, {"restartPolicy": "Never"})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


def monitor(name: str, app: str = "", **spec: Any) -> dict[str, Any]:
    """The LLMMonitor for pods of `app`, which is its own name unless said."""
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": app or name}},
            "target": {"container": CONTAINER, "port": PORT},
            "interception": {"maxAddedLatency": PATIENT},
            "sampling": {"reportInterval": "5s"},  # the shortest: tests wait for reports
            **spec,
        },
    }


def client(  # noqa: PLR0913 - a pod's fields, given by name
    name: str, image: str, host: str, *, seconds: float, pause: float = 0.25, keeping: bool = False
) -> dict[str, Any]:
    """A pod that asks again and again; the last line of its log says what it saw.

    Each time by a new connection, or (`keeping`) by one that it keeps, and by another when that was closed.
    """
    script = KEEPING_CLIENT if keeping else CLIENT
    container = {
        "name": "client",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-c", script, host, str(PORT), str(seconds), str(pause)],
    }
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def seen(namespace: Kubectl, name: str, seconds: float = 180.0) -> dict[str, int]:
    """What a client saw, once it is done; then it goes."""

    def over() -> bool:
        return bool(namespace.get(f"pod/{name}")["status"].get("phase") == "Succeeded")

    until(over, f"pod {name} to be done", seconds)
    found: dict[str, int] = json.loads(namespace("logs", name).splitlines()[-1])
    namespace("delete", f"pod/{name}", "--wait=false")
    return found


def end(namespace: Kubectl, name: str) -> None:
    """Tell a client that asks by a new connection each time that this was the last one."""
    namespace("exec", name, "--", PYTHON, "-c", "open('/tmp/over', 'w')")


def monitored(namespace: Kubectl, name: str, container: Mapping[str, Any], **fields: Any) -> None:
    """The monitor, then the Deployment; both called `name`."""
    namespace.apply(monitor(name))
    namespace.apply(deployment(name, container, **fields))  # by now the webhook has seen the monitor


@contextmanager
def well(namespace: Kubectl, name: str, image: str, replicas: int) -> Iterator[None]:
    """A monitored model of so many pods that all is well with, removed in the end.

    Args:
        namespace: one in which the sidecar is proved.
        name: the monitor's and the Deployment's.
        image: the sidecar's, which the model runs in too.
        replicas: how many pods.
    """
    try:
        monitored(namespace, name, server(image), replicas=replicas)
        namespace("rollout", "status", f"deployment/{name}", "--timeout=180s")
        condition(namespace, name, 180.0, Ready="True", Injected="True", Reporting="True")
        read(namespace, name)
        yield
    finally:
        remove(namespace, name)


def asking_each(namespace: Kubectl, name: str, image: str, *, seconds: float) -> list[str]:
    """The names of clients that begin to ask, one for each pod of this name."""
    hosts = {
        f"asking-{number}": pod["status"]["podIP"] for number, pod in enumerate(chat.pods(namespace, name))
    }
    namespace.apply(*(client(one, image, host, seconds=seconds) for one, host in hosts.items()))
    return list(hosts)


def ended(namespace: Kubectl, clients: Sequence[str]) -> tuple[int, int]:
    """Tell them that this was the last one; how many requests of all were answered, and how many failed."""
    for one in clients:
        end(namespace, one)
    found = [seen(namespace, one) for one in clients]
    return sum(one["answered"] for one in found), sum(one["failed"] for one in found)


def read(namespace: Kubectl, name: str, seconds: float = 60.0) -> None:
    """Wait until each pod's sidecar reads: one that has just begun may step aside, and count nothing."""
    for pod in chat.pods(namespace, name):
        of = pod["metadata"]["name"]
        until(lambda of=of: reads(namespace, of), f"the sidecar of {of} to read", seconds)  # type: ignore[misc]  # bound now


@contextmanager
def injected_by_the_webhook(namespace: Kubectl, name: str, image: str) -> Iterator[None]:
    """A monitored model whose one pod the webhook injected, removed in the end.

    Args:
        namespace: one in which the sidecar is proved.
        name: the monitor's and the Deployment's.
        image: the sidecar's, which the model runs in too.
    """
    try:
        monitored(namespace, name, server(image))
        condition(namespace, name, 180.0, Ready="True", Injected="True")
        assert [injected(pod) for pod in chat.pods(namespace, name)] == [True]
        yield
    finally:
        remove(namespace, name)


def remove(namespace: Kubectl, *names: str) -> None:
    """Deployments and monitors of these names."""
    for name in names:
        kinds = (f"deployment/{name}", f"llmmonitor/{name}")
        namespace("delete", *kinds, "--ignore-not-found", "--wait=false")


def injected(pod: Mapping[str, Any]) -> bool:
    """Whether the webhook put the sidecar in."""
    first: Mapping[str, Any] = next(iter(pod["spec"].get("initContainers") or ()), {})
    return bool(first.get("name") == "llm-monitor-sidecar")


def attached(pod: Mapping[str, Any]) -> bool:
    """Whether the operator did."""
    return bool(pod["spec"].get("ephemeralContainers"))


def ready(pod: Mapping[str, Any]) -> bool:
    """Whether it takes traffic."""
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _template(app: str, container: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Any]:
    spec = {
        "containers": [dict(container)],
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        **pod,
    }
    return {"metadata": {"labels": {"app": app}}, "spec": spec}
