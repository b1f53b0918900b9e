"""Where the bench of the whole cluster measures: the release that is there, and namespaces of its own.

A release `llm-monitor` that is installed already is measured as it is and stays; else the chart is installed
with the images of this tree for the time of the bench.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from e2e import small_models
from e2e.definition import definition, establish
from e2e.helm import Helm
from e2e.installed import RELEASE, installed
from e2e.kubectl import Kubectl
from e2e.model_pods import PORT
from e2e.waiting import WaitedInVain

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError

MODEL = "chat"
"""Its Deployment, its label, its monitor."""
OPERATOR = f"{RELEASE}-operator"
_IMAGE = "LLM_MONITOR_OPERATOR_SIDECAR_IMAGE"
_PROVED_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Site:
    """What the figures are measured on."""

    kube: Kube
    kubectl: Kubectl
    sidecar_image: str
    operator_image: str
    found: bool
    """Whether the release was there before."""


def is_installed(kubectl: Kubectl) -> bool:
    """Whether the cluster has the release."""
    within = kubectl.within(RELEASE)
    return bool(within("get", f"deployment/{OPERATOR}", "--ignore-not-found", "--output=name"))


@contextmanager
def released(kube: Kube, kubectl: Kubectl, helm: Helm, images: Mapping[str, str]) -> Iterator[Site]:
    """The release that is there, or one for as long as the context lasts.

    Args:
        kube: the same cluster as kubectl's.
        kubectl: on it.
        helm: on it.
        images: what to install with, where there is none.

    Raises:
        HelmRefused: the chart was not installed, or did not become ready.
    """
    if is_installed(kubectl):
        yield _site(kube, kubectl, found=True)
        return
    establish(kubectl, definition())
    with installed(helm, kubectl, images):
        yield _site(kube, kubectl, found=False)


def _site(kube: Kube, kubectl: Kubectl, *, found: bool) -> Site:
    pod = kubectl.within(RELEASE).get(f"deployment/{OPERATOR}")["spec"]["template"]["spec"]
    [operator] = pod["containers"]
    sidecar_image = next(one["value"] for one in operator["env"] if one["name"] == _IMAGE)
    return Site(kube, kubectl, sidecar_image, operator["image"], found)


@asynccontextmanager
async def namespace(site: Site, name: str) -> AsyncIterator[Kubectl]:
    """A namespace of our own, which is gone afterwards."""
    gone = ("delete", "namespace", name, "--ignore-not-found", "--timeout=120s")
    await asyncio.to_thread(site.kubectl, *gone)
    await asyncio.to_thread(site.kubectl, "create", "namespace", name)
    try:
        yield site.kubectl.within(name)
    finally:
        await asyncio.to_thread(site.kubectl, *gone)


def server(site: Site) -> dict[str, Any]:
    """The model's container: a server of twenty lines in the sidecar's image, which every node has."""
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
    return small_models.server(site.sidecar_image, readinessProbe=probe)


def monitor() -> dict[str, Any]:
    """The model's, with all defaults; no engine is known by the names of its container and port."""
    target = {"container": small_models.CONTAINER, "port": PORT}
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": MODEL},
        "spec": {"selector": {"matchLabels": {"app": MODEL}}, "target": target},
    }


async def served(site: Site, within: Kubectl, *, replicas: int = 1) -> None:
    """A model that is up.

    Raises:
        Refused: it did not become ready.
    """
    deployment = small_models.deployment(MODEL, server(site), replicas=replicas)
    await asyncio.to_thread(within.apply, deployment)
    await asyncio.to_thread(within, "rollout", "status", f"deployment/{MODEL}", "--timeout=180s")


async def proved(site: Site, within: Kubectl) -> None:
    """Wait until the operator has seen its sidecar run in the namespace, so that new pods are injected.

    Raises:
        WaitedInVain: it has not.
    """
    path = paths.config_map(RELEASE, f"{RELEASE}-verdicts")

    async def is_proved() -> bool:
        verdicts = (await site.kube.get(path)).get("data") or {}
        return site.sidecar_image in str(verdicts.get(str(within.namespace), ""))

    await until(is_proved, f"the sidecar to be proved in namespace {within.namespace}", _PROVED_SECONDS)


async def until(look: Callable[[], Any], what: str, seconds: float, *, pause_seconds: float = 1.0) -> float:
    """Ask `look`, a coroutine function, until it says yes; gives the monotonic time of the answer.

    Raises:
        WaitedInVain: not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            if await look():
                return time.monotonic()
        except ApiError:
            pass  # a pod that does not answer yet, an API server that is busy: asked again
        if time.monotonic() > deadline:
            raise WaitedInVain(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(pause_seconds)
