"""The webhook as users have it: the chart, two replicas behind the Service, on the cluster that is up.

The operator itself has no replicas here, so that its work is not measured along: the bench makes the
certificates with the operator's own code, publishes a verdict that lets pods be injected, and renews the
Lease.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from bench.admission.places import INJECTED, NAME, NAMESPACE, PLACES, WITHOUT
from e2e.helm import CHART, Helm
from e2e.kubectl import Kubectl, Refused

from llmmonitor_operator.certificates.store import CertificateStore, Place
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict, Verdicts, write

SIDECAR = "registry.example/llm-monitor-sidecar@sha256:" + "a" * 64
"""Never pulled: no pod of the bench is scheduled."""
_RENEW_SECONDS = 5.0


@asynccontextmanager
async def installed(
    kube: Kube, kubectl: Kubectl, helm: Helm, operator_image: str
) -> AsyncIterator[Mapping[str, str]]:
    """A release that answers, and the places; gives for each namespace the UID of what owns pods there.

    Raises:
        Refused: the webhook's replicas did not become ready, or the API server refused something.
        HelmRefused: the chart was not installed.
    """
    await _removed(kubectl, helm)
    try:
        for name in (NAMESPACE, *(place.namespace for place in PLACES.values())):
            await kube.create(paths.NAMESPACES, {"metadata": {"name": name}})
        owner = await kube.create(paths.config_maps(NAMESPACE), {"metadata": {"name": "owner"}})
        uid = str(owner["metadata"]["uid"])
        certificates = _certificates(kube, uid)
        await (
            certificates.tend()
        )  # before the pods: an optional Secret that comes later is mounted a minute later
        values = _values(operator_image)
        place = f"--namespace={NAMESPACE}"
        await asyncio.to_thread(helm, "install", NAME, str(CHART), place, values=values)
        await certificates.tend()
        await _publish(kube)
        renewing = asyncio.create_task(_renew(kube))
        try:
            await asyncio.to_thread(_wait_until_ready, kubectl.within(NAMESPACE))
            yield await _owners(kube)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
    finally:
        await _removed(kubectl, helm)


def _values(operator_image: str) -> Mapping[str, Any]:
    repository, _, digest = operator_image.partition("@")
    image: dict[str, Any] = {"repository": repository, "digest": digest, "pullPolicy": "IfNotPresent"}
    if not digest:
        repository, _, tag = operator_image.rpartition(":")
        image = {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
    left_out = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": [place.namespace for place in PLACES.values() if place.subject != WITHOUT],
    }
    return {
        "fullnameOverride": NAME,
        "operator": {"image": image, "replicas": 0},
        "webhook": {"namespaceSelector": {"matchExpressions": [left_out]}},
        "crds": {"install": False},
    }


def _certificates(kube: Kube, uid: str) -> CertificateStore:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    return CertificateStore(kube, Place(namespace=NAMESPACE, name=NAME, owner=owner))


async def _publish(kube: Kube) -> None:
    """As the operator would once the sidecar ran here for 30 s."""
    place = PLACES[INJECTED].namespace
    monitor = {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}},
    }
    await kube.create(paths.monitors(place), monitor)
    verdict = NamespaceVerdict(
        fingerprint=fingerprint(await kube.get(paths.namespace(place)), [], []),
        transparent=True,
        plain=True,
        proved_image=SIDECAR,
    )
    common = Common(image=SIDECAR, public_keys=(base64.b64encode(bytes(32)).decode(),), server_version="1.34")
    data = write(Verdicts(common, {place: verdict}))
    await kube.create(paths.config_maps(NAMESPACE), {"metadata": {"name": f"{NAME}-verdicts"}, "data": data})


async def _renew(kube: Kube) -> None:
    path = paths.leases(NAMESPACE)
    lease: dict[str, Any] = {"metadata": {"name": f"{NAME}-operator"}, "spec": {"holderIdentity": "bench"}}
    while True:
        lease["spec"]["renewTime"] = datetime.now(UTC).isoformat(timespec="microseconds")
        with suppress(ApiError):
            if "resourceVersion" in lease["metadata"]:
                lease = await kube.replace(f"{path}/{NAME}-operator", lease)
            else:
                lease = await kube.create(path, lease)
        await asyncio.sleep(_RENEW_SECONDS)


def _wait_until_ready(kubectl: Kubectl) -> None:
    """Up to some minutes: a kubelet that did not see the Secret at first looks again after one."""
    rollout = ("rollout", "status", f"deployment/{NAME}-webhook", "--timeout=90s")
    try:
        kubectl(*rollout)
    except Refused:
        kubectl(*rollout)


async def _owners(kube: Kube) -> Mapping[str, str]:
    """Pods are injected only where a controller would make them anew; nothing acts for these ones."""
    found = {}
    for place in PLACES.values():
        made = await kube.create(paths.config_maps(place.namespace), {"metadata": {"name": "owner"}})
        found[place.namespace] = str(made["metadata"]["uid"])
    return found


async def _removed(kubectl: Kubectl, helm: Helm) -> None:
    await asyncio.to_thread(helm, "uninstall", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")
    names = [NAMESPACE, *(place.namespace for place in PLACES.values())]
    await asyncio.to_thread(kubectl, "delete", "namespace", *names, "--ignore-not-found", "--timeout=100s")
