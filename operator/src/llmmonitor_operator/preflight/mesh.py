"""Does a service mesh redirect this pod's traffic, now or soon? Two redirections would undo each other.

Meshes leave a proxy container or an annotation on the pod; before they have seen a new pod, its own labels or
its namespace's say what they are going to do. What leaves no trace here (rules in the pod's network alone) is
found by the sidecar when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmmonitor_operator.kube.raw import Raw, mapping, sequence

_PROXIES = {
    "istio-proxy": "Istio",
    "linkerd-proxy": "Linkerd",
    "kuma-sidecar": "Kuma",
    "consul-dataplane": "Consul",
    "consul-connect-envoy-sidecar": "Consul",
    "nginx-mesh-sidecar": "NGINX Service Mesh",
}
_DONE = (
    ("sidecar.istio.io/status", "Istio"),
    ("linkerd.io/proxy-version", "Linkerd"),
    ("ambient.istio.io/redirection=enabled", "Istio ambient"),
    ("kuma.io/sidecar-injected=true", "Kuma"),
    ("consul.hashicorp.com/connect-inject-status=injected", "Consul"),
)
"""Annotations that a mesh sets on a pod that it has taken in: a key, or a key with its value."""
_ASKED = (
    ("sidecar.istio.io/inject=true", "Istio"),
    ("istio.io/dataplane-mode=ambient", "Istio ambient"),
    ("linkerd.io/inject=enabled", "Linkerd"),
    ("linkerd.io/inject=ingress", "Linkerd"),
    ("kuma.io/sidecar-injection=enabled", "Kuma"),
    ("consul.hashicorp.com/connect-inject=true", "Consul"),
)
"""Labels or annotations, of the pod or of its namespace, that ask a mesh to take the pod in."""
_NAMESPACE_ASKS = (("istio-injection=enabled", "Istio"), ("istio.io/rev", "Istio"))
_POD_DECLINES = (
    "sidecar.istio.io/inject=false",
    "istio.io/dataplane-mode=none",
    "linkerd.io/inject=disabled",
    "kuma.io/sidecar-injection=disabled",
    "consul.hashicorp.com/connect-inject=false",
)
_OF_ISTIO_SIDECARS = "sidecar.istio.io/inject"


def mesh(pod: Raw, namespace: Raw | None = None) -> str:
    """Which mesh, and what shows it: `Istio (container istio-proxy)`; empty without one.

    Args:
        pod: created or to be created.
        namespace: its Namespace object, where that is known.
    """
    spec = mapping(pod.get("spec"))
    for kind in ("containers", "initContainers"):
        for container in sequence(spec.get(kind)):
            name = str(mapping(container).get("name"))
            if name in _PROXIES:
                return f"{_PROXIES[name]} (container {name})"
    marks = list(_marks(pod))
    for mark, name in (*_DONE, *_ASKED):
        if _shown(mark, marks):
            return f"{name} ({mark})"
    declined = {mark.partition("=")[0] for mark in _POD_DECLINES if _shown(mark, marks)}
    around = list(_marks(namespace or {}))
    for mark, name in (*_ASKED, *_NAMESPACE_ASKS):
        key = _OF_ISTIO_SIDECARS if (mark, name) in _NAMESPACE_ASKS else mark.partition("=")[0]
        if _shown(mark, around) and key not in declined:
            return f"{name} ({mark} on the namespace)"
    return ""


def _marks(item: Raw) -> Iterator[tuple[str, str]]:
    metadata = mapping(item.get("metadata"))
    for kind in ("labels", "annotations"):
        for key, value in mapping(metadata.get(kind)).items():
            yield key, str(value)


def _shown(mark: str, marks: Sequence[tuple[str, str]]) -> bool:
    key, _, value = mark.partition("=")
    return any(key == one and (not value or value == given) for one, given in marks)
