"""kill -9 of the sidecar under load, in a real pod: no connection begun afterwards fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from e2e import model_pods
from e2e.kubectl import Kubectl

LOAD = """
import json, socket, sys, threading, time
host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
ends, attempts, failures = time.time() + seconds, [0], []
def ask():
    while time.time() < ends:
        began = time.time()
        attempts[0] += 1
        try:
            with socket.create_connection((host, port), 5) as connection:
                connection.sendall(b"GET / HTTP/1.1\\r\\nhost: model\\r\\nconnection: close\\r\\n\\r\\n")
                answer = b""
                while data := connection.recv(4096):
                    answer += data
                if not answer.endswith(b"hello"):
                    failures.append([began, "cut short"])
        except OSError as error:
            failures.append([began, repr(error)])
        time.sleep(0.005)
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"attempts": attempts[0], "failures": failures}))
"""
KILL = """
import json, os, pathlib, signal, sys, time
found = {}
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if int(folder.name) != os.getpid() and b"llm-monitor-sidecar" in (folder / "cmdline").read_bytes():
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(folder.name)] = parent
    except OSError: pass
def role(pid):
    if found[pid] not in found: return "supervisor"
    return "analyser" if os.getpriority(os.PRIO_PROCESS, pid) else "relay"
victims = [pid for pid in found if sys.argv[1] in ("container", role(pid))]
for pid in victims: os.kill(pid, signal.SIGKILL)
def lives(pid):
    try: return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError: return False
while any(lives(pid) for pid in victims): time.sleep(0.001)
print(json.dumps({"killed": len(victims), "gone_at": time.time()}))
"""


@pytest.fixture
def monitored(namespace: Kubectl, sidecar_image: str) -> Kubectl:
    """A pod whose model may see, and kill, the sidecar's processes; traffic is being read."""
    namespace.apply(
        model_pods.pod(
            "model",
            model_pods.model(sidecar_image),
            initContainers=[model_pods.native(sidecar_image)],
            shareProcessNamespace=True,
        ),
        model_pods.client(sidecar_image),
    )
    namespace("wait", "--for=condition=Ready", "pod/model", "pod/client", "--timeout=90s")
    model_pods.until(lambda: model_pods.health(namespace, "model").get("reading"))
    return namespace


def test_no_new_connection_fails_whichever_process_is_killed(monitored: Kubectl) -> None:
    address = monitored.get("pod/model")["status"]["podIP"]

    for victim in ("relay", "analyser", "supervisor", "container"):
        with ThreadPoolExecutor() as beside:
            load = beside.submit(
                model_pods.run, monitored, "client", LOAD, address, str(model_pods.PORT), "6"
            )
            model_pods.until(lambda: _carries(monitored))
            killed = model_pods.run(monitored, "model", KILL, victim)
            seen = load.result()
        assert killed["killed"] >= 1, victim
        after = [failure for failure in seen["failures"] if failure[0] > killed["gone_at"]]
        print(f"{victim}: {seen['attempts']} connections, {len(seen['failures'])} carried at the kill")  # noqa: T201 - the figure of the claim
        assert seen["attempts"] > 100
        assert after == [], victim
        assert len(seen["failures"]) <= 8, victim
        model_pods.until(lambda: model_pods.health(monitored, "model").get("reading"), 110)

    (status,) = monitored.get("pod/model")["status"]["containerStatuses"]
    assert (status["restartCount"], status["ready"]) == (0, True)


def _carries(namespace: Kubectl) -> Any:
    """Whether new connections are read at this moment."""
    metrics = model_pods.ask(namespace, "model", "/metrics")
    return "llm_monitor_interception_reading 1" in metrics
