"""The release and the world it watches, as objects of a real API server: nothing runs, all of it is there.

The chart is installed with no replicas, so that the operator the bench starts has the rights that users give
it. Monitors come before pods, as their sidecars' first settings do; pods are those of a Deployment with vLLM,
injected by the webhook's own code, not scheduled, and said to run with ready containers at their address.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import jsonpatch
import msgspec
from bench.fleet.sidecars import Fleet, Member
from bench.fleet.world import Pod, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from e2e.helm import CHART, Helm

from llmmonitor_api.signing import private_key_to_pem, public_key_bytes
from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.inject.patch import patch
from llmmonitor_operator.inject.plan import Mode, SidecarImage, plan_for
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.pods.pod import NATIVE_NAME
from llmmonitor_operator.pods.serving import find_serving

RELEASE = "llm-monitor"
SIDECAR = SidecarImage(image="registry.example/llm-monitor-sidecar@sha256:" + "a" * 64)
MONITOR_LABEL = "model"
_AT_ONCE = 16
T = TypeVar("T")


def install(helm: Helm) -> None:
    """The chart, its CRD included, without a pod.

    Raises:
        HelmRefused: it was not.
    """
    repository, _, digest = SIDECAR.image.partition("@")
    values = {
        "operator": {"replicas": 0},
        "webhook": {"enabled": False},
        "sidecar": {"image": {"repository": repository, "digest": digest}},
    }
    place = (f"--namespace={RELEASE}", "--create-namespace")
    helm("install", RELEASE, str(CHART), *place, values=values)


async def keep_key(kube: Kube, key: Ed25519PrivateKey) -> None:
    """The signing key, before the operator makes one: the simulated sidecars must know it."""
    data = {"ed25519.pem": base64.b64encode(private_key_to_pem(key)).decode()}
    secret = {"metadata": {"name": f"{RELEASE}-signing-key"}, "type": "Opaque", "data": data}
    await kube.create(paths.secrets(RELEASE), secret)


async def populate(kube: Kube, world: World, key: Ed25519PrivateKey) -> dict[int, Fleet]:
    """Everything to be watched; gives what each process of sidecars has to know, by its port."""
    await _each(world.namespaces, lambda name: _namespace(kube, name))
    monitors = dict(await _each(world.every_monitor, lambda one: _monitor(kube, *one)))
    public = public_key_bytes(key)
    made = await _each(world.every_pod, lambda pod: _pod(kube, pod, monitors[pod.monitor], public))
    fleets: dict[int, Fleet] = {}
    for pod, member in zip(world.every_pod, made, strict=True):
        fleets.setdefault(pod.port, Fleet(public, pod.number, [])).members.append(member)
    return fleets


async def change(
    kube: Kube, monitors: Sequence[tuple[str, str]], threshold: str
) -> dict[tuple[str, str], float]:
    """Give some monitors an objective: what a person does with `kubectl patch`.

    Returns:
        When the API server had taken each, Unix seconds.
    """
    objective = {"name": "first", "signal": "TimeToFirstToken", "threshold": threshold, "target": "99%"}
    spec = {"performance": {"objectives": [{**objective, "window": "1d"}]}}

    async def changed(one: tuple[str, str]) -> float:
        await kube.patch(paths.monitor(*one), {"spec": spec}, Patch.MERGE)
        return time.time()

    return dict(zip(monitors, await _each(monitors, changed), strict=True))


async def _each(things: Iterable[T], work: Callable[[T], Awaitable[Any]]) -> list[Any]:
    """Some at once, the results in the order of the things."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(thing: T) -> Any:
        async with turn:
            return await work(thing)

    return await asyncio.gather(*(one(thing) for thing in things))


async def _namespace(kube: Kube, name: str) -> None:
    await kube.create(paths.NAMESPACES, {"metadata": {"name": name}})
    # no controller makes it here, and no pod is admitted without
    await kube.create(paths.core(name, "serviceaccounts"), {"metadata": {"name": "default"}})


async def _monitor(kube: Kube, namespace: str, name: str) -> tuple[str, LLMMonitor]:
    document = {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {MONITOR_LABEL: name}}},
    }
    return name, load_monitor(await kube.create(paths.monitors(namespace), document))


async def _pod(kube: Kube, pod: Pod, monitor: LLMMonitor, public_key: bytes) -> Member:
    document = injected(pod, monitor, public_key)
    made = await kube.create(paths.pods(pod.namespace), document)
    path = f"{paths.pod(pod.namespace, pod.name)}/status"
    await kube.patch(path, {"status": running(pod)}, Patch.MERGE)
    return Member(made["metadata"]["uid"], pod.name, pod.monitor, configuration_for(monitor))


def injected(pod: Pod, monitor: LLMMonitor, public_key: bytes, port: int = 0) -> dict[str, Any]:
    """The pod as the webhook lets it pass; its sidecar answers at `port`, else at the pod's own."""
    bare = _bare(pod)
    plan = plan_for(
        bare,
        monitor,
        serving=find_serving(bare, monitor.spec.target),
        sidecar=SIDECAR,
        mode=Mode.TRANSPARENT,
        public_keys=(public_key,),
        configuration=msgspec.json.encode(configuration_for(monitor)).decode(),
    )
    document: dict[str, Any] = jsonpatch.apply_patch(bare, patch(bare, plan))
    for variable in document["spec"]["initContainers"][0]["env"]:
        if variable["name"] == "LLM_MONITOR_API_PORT":
            variable["value"] = str(port or pod.port)
    return document


def _bare(pod: Pod) -> dict[str, Any]:
    """About what a Deployment of vLLM makes: 60 lines of YAML."""
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5, "failureThreshold": 3}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{pod.monitor}-7d4b9c", "uid": "0" * 8}
    environment = {"HF_HOME": "/models", "VLLM_LOGGING_LEVEL": "INFO", "OMP_NUM_THREADS": "8"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": {
                MONITOR_LABEL: pod.monitor,
                "app.kubernetes.io/name": pod.monitor,
                "app.kubernetes.io/part-of": "serving",
                "pod-template-hash": "7d4b9c",
            },
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8000"},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "schedulerName": "none",
            "terminationGracePeriodSeconds": 60,
            "automountServiceAccountToken": False,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "containers": [
                {
                    "name": "vllm",
                    "image": "vllm/vllm-openai:v0.11.0",
                    "args": ["--model", "meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192"],
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "env": [{"name": name, "value": value} for name, value in environment.items()],
                    "resources": {
                        "requests": {"cpu": "8", "memory": "96Gi"},
                        "limits": {"memory": "96Gi"},
                    },
                    "readinessProbe": probe,
                    "livenessProbe": {**probe, "initialDelaySeconds": 120},
                    "volumeMounts": [
                        {"name": "models", "mountPath": "/models"},
                        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - as vLLM's own chart has it
                    ],
                }
            ],
            "volumes": [
                {"name": "models", "persistentVolumeClaim": {"claimName": f"{pod.monitor}-models"}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}},
            ],
        },
    }


def running(pod: Pod) -> dict[str, Any]:
    """The status of one whose containers run."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")

    def runs(name: str, image: str) -> dict[str, Any]:
        return {
            "name": name,
            "image": image,
            "imageID": image,
            "containerID": f"containerd://{pod.number:064d}",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "lastState": {},
            "state": {"running": {"startedAt": now}},
        }

    return {
        "phase": "Running",
        "hostIP": "10.0.0.1",
        "podIP": pod.address,
        "podIPs": [{"ip": pod.address}],
        "startTime": now,
        "qosClass": "Burstable",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
            for kind in kinds
        ],
        "initContainerStatuses": [runs(NATIVE_NAME, SIDECAR.image)],
        "containerStatuses": [runs("vllm", "vllm/vllm-openai:v0.11.0")],
    }
