"""Pods of a model that is spread over several: only the leader serves HTTP, the workers answer the leader.

Told by what a container runs (its rank, Ray, MPI) and, more weakly, by the labels of LeaderWorkerSet and
KubeRay: with data parallelism balanced outside every pod of a set serves, and declares a port.
"""

from __future__ import annotations

import re

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.commands import Commands
from llmmonitor_operator.pods.containers import digits, probed_ports, tcp_ports

LWS_INDEX_LABEL = "leaderworkerset.sigs.k8s.io/worker-index"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
RAY_TYPE_LABEL = "ray.io/node-type"

_RANK_OPTIONS = ("--node-rank", "--node_rank")
_WORKING = (
    (re.compile(r"(?:^|[\s/])vllm serve\b.*\s--headless\b"), "vllm serve --headless"),
    (re.compile(r"(?:^|[\s/])multi-node-serving\.sh worker\b"), "multi-node-serving.sh worker"),
    (re.compile(r"(?:^|[\s/])dynamo\.(?:vllm|sglang|trtllm)\b"), "a Dynamo worker"),
)
_RAY_WORKER = re.compile(r"(?:^|[\s/])ray start\b(?!.*\s--head\b)")
_MPI_WORKER = re.compile(r"(?:^|[\s/])sshd\b")


def worker_by_command(pod: Raw, commands: Commands, *, runs_engine: bool) -> str:
    """What of the container's commands says that it is a worker; empty if nothing does.

    Args:
        pod: its labels stand for a rank that the command computes.
        commands: of the container.
        runs_engine: whether one of them starts a model server.
    """
    for words in commands.simple:
        text = " ".join(words)
        rank = commands.option(words, _RANK_OPTIONS)
        if rank and _is_above_zero(rank[1]):
            return f"{rank[0]} is {rank[1]}"
        if rank and not rank[1].isdecimal() and _is_above_zero(_place_in_set(pod)):
            return f"{rank[0]} is {rank[1]}, in pod {_place_in_set(pod)} of its set"
        for pattern, what in _WORKING:
            if pattern.search(text):
                return what
        if not runs_engine and _RAY_WORKER.search(text):
            return "ray start without --head"
        if not runs_engine and _MPI_WORKER.search(text):
            return "sshd, for mpirun of the leader"
    return ""


def worker_by_label(pod: Raw, container: Raw) -> str:
    """The label that makes the pod a worker, if the container declares or probes no port; empty if none."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    if tcp_ports(container) or any(True for _ in probed_ports(container)):
        return ""
    if labels.get(LWS_INDEX_LABEL, "0") != "0":
        return f"label {LWS_INDEX_LABEL} is {labels[LWS_INDEX_LABEL]}"
    if labels.get(RAY_TYPE_LABEL) == "worker":
        return f"label {RAY_TYPE_LABEL} is worker"
    return ""


def _is_above_zero(rank: str) -> bool:
    return (digits(rank) or 0) > 0


def _place_in_set(pod: Raw) -> str:
    """Stands for a rank that a shell works out, as `${HOSTNAME##*-}` does."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return str(labels.get(LWS_INDEX_LABEL) or labels.get(POD_INDEX_LABEL) or "")
