"""kill -9 of the sidecar under load, in a real pod: no connection begun afterwards fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from e2e import model_pods
from e2e.kubectl import Kubectl
from e2e.waiting import until

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
def sidecar():
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            pid, command = int(folder.name), (folder / "cmdline").read_bytes()
            if pid != os.getpid() and b"llm-monitor-sidecar" in command:
                found[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError: pass
    return found
found = sidecar()
def role(pid):
    if found[pid] not in found: return "supervisor"
    return "analyser" if os.getpriority(os.PRIO_PROCESS, pid) else "relay"
victims = sorted(pid for pid in found if sys.argv[1] in ("container", role(pid)))
for pid in victims:
    try: os.kill(pid, signal.SIGKILL)
    except ProcessLookupError: pass
def lives(pid):
    try: return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError: return False
supervisors = {pid for pid in found if found[pid] not in found}
watched = set(found if sys.argv[1] == "supervisor" else victims)
while any(lives(pid) for pid in watched):  # not by the command line: that goes before the sockets are closed
    if any(lives(pid) for pid in supervisors & watched): watched |= set(sidecar())
    time.sleep(0.001)
print(json.dumps({"killed": len(victims), "gone_at": time.time()}))
"""
"""Killed in a row and not at one moment, so that it waits for what was begun in between, too."""


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
    until(lambda: model_pods.reads(namespace), "the sidecar to read")
    return namespace


@pytest.mark.timeout(300)
def test_no_new_connection_fails_whichever_process_is_killed(monitored: Kubectl) -> None:
    target = monitored.get("pod/model")["status"]["podIP"], str(model_pods.PORT)

    for victim in ("relay", "analyser", "container", "supervisor"):
        until(lambda: model_pods.reads(monitored), "the sidecar to read again", 110)
        with ThreadPoolExecutor() as beside:
            load = beside.submit(model_pods.run, monitored, "client", LOAD, *target, "6")
            until(lambda: "relay_connections_total 0" not in _metrics(monitored), "the first connection")
            killed = model_pods.run(monitored, "model", KILL, victim)
            seen = load.result()
        after = [failure for failure in seen["failures"] if failure[0] > killed["gone_at"]]
        print(f"{victim}: {seen['attempts']} connections, {len(seen['failures'])} carried at the kill")  # noqa: T201 - the figure of the claim
        assert killed["killed"] >= 1, victim
        assert seen["attempts"] > 100, victim
        assert after == [], victim

    (status,) = monitored.get("pod/model")["status"]["containerStatuses"]
    assert (status["restartCount"], status["ready"]) == (0, True)


def _metrics(namespace: Kubectl) -> str:
    return model_pods.ask(namespace, "model", "/metrics")
