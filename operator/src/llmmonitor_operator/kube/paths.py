"""URL paths of the objects that the operator and the webhook read and write; an empty namespace means all."""

from __future__ import annotations

from llmmonitor_api.spec.monitor import GROUP, PLURAL, VERSION

NAMESPACES = "/api/v1/namespaces"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
SUBJECT_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
MONITORS_API = f"/apis/{GROUP}/{VERSION}"


def _within(api: str, namespace: str, plural: str, name: str = "", subresource: str = "") -> str:
    parts = [api, *(["namespaces", namespace] if namespace else []), plural]
    return "/".join([*parts, *([name] if name else []), *([subresource] if subresource else [])])


def core(namespace: str, plural: str, name: str = "", subresource: str = "") -> str:
    """Of the core API: `pods`, `configmaps`, `secrets`, `events`, `services`, `resourcequotas`, ..."""
    return _within("/api/v1", namespace, plural, name, subresource)


def pods(namespace: str = "") -> str:
    """All pods."""
    return core(namespace, "pods")


def pod(namespace: str, name: str) -> str:
    """One pod."""
    return core(namespace, "pods", name)


def ephemeral_containers(namespace: str, name: str) -> str:
    """Where containers are added to a running pod."""
    return core(namespace, "pods", name, "ephemeralcontainers")


def eviction(namespace: str, name: str) -> str:
    """Where a pod is asked to go, as its PodDisruptionBudget allows."""
    return core(namespace, "pods", name, "eviction")


def namespace(name: str) -> str:
    """One namespace."""
    return f"{NAMESPACES}/{name}"


def resource_quotas(namespace: str = "") -> str:
    """All ResourceQuotas."""
    return core(namespace, "resourcequotas")


def limit_ranges(namespace: str = "") -> str:
    """All LimitRanges."""
    return core(namespace, "limitranges")


def services(namespace: str = "") -> str:
    """All Services."""
    return core(namespace, "services")


def events(namespace: str) -> str:
    """Events of a namespace."""
    return core(namespace, "events")


def config_maps(namespace: str) -> str:
    """ConfigMaps of a namespace."""
    return core(namespace, "configmaps")


def config_map(namespace: str, name: str) -> str:
    """One ConfigMap."""
    return core(namespace, "configmaps", name)


def service_proxy(namespace: str, service_and_port: str, path: str) -> str:
    """A path of a Service, by way of the API server; `service_and_port` is NAME:PORT."""
    return core(namespace, "services", service_and_port, "proxy") + path


def service_account_token(namespace: str, name: str) -> str:
    """Where a token of a ServiceAccount is made."""
    return core(namespace, "serviceaccounts", name, "token")


def secrets(namespace: str) -> str:
    """Secrets of a namespace."""
    return core(namespace, "secrets")


def secret(namespace: str, name: str) -> str:
    """One Secret."""
    return core(namespace, "secrets", name)


def leases(namespace: str) -> str:
    """Leases of a namespace."""
    return _within("/apis/coordination.k8s.io/v1", namespace, "leases")


def lease(namespace: str, name: str) -> str:
    """One Lease."""
    return _within("/apis/coordination.k8s.io/v1", namespace, "leases", name)


def deployments(namespace: str) -> str:
    """Deployments of a namespace."""
    return _within("/apis/apps/v1", namespace, "deployments")


def deployment(namespace: str, name: str) -> str:
    """One Deployment."""
    return _within("/apis/apps/v1", namespace, "deployments", name)


def replica_set(namespace: str, name: str) -> str:
    """One ReplicaSet."""
    return _within("/apis/apps/v1", namespace, "replicasets", name)


def stateful_set(namespace: str, name: str) -> str:
    """One StatefulSet."""
    return _within("/apis/apps/v1", namespace, "statefulsets", name)


def leader_worker_set(namespace: str, name: str) -> str:
    """One LeaderWorkerSet, a kind that few clusters have."""
    return _within("/apis/leaderworkerset.x-k8s.io/v1", namespace, "leaderworkersets", name)


def webhook_configuration(name: str) -> str:
    """One MutatingWebhookConfiguration."""
    return f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}"


def pod_metrics(namespace: str) -> str:
    """What metrics-server knows of the pods of a namespace."""
    return _within("/apis/metrics.k8s.io/v1beta1", namespace, "pods")


def monitors(namespace: str = "") -> str:
    """All LLMMonitors."""
    return _within(MONITORS_API, namespace, PLURAL)


def monitor(namespace: str, name: str) -> str:
    """One LLMMonitor."""
    return _within(MONITORS_API, namespace, PLURAL, name)


def monitor_status(namespace: str, name: str) -> str:
    """Its status, which only the operator writes."""
    return _within(MONITORS_API, namespace, PLURAL, name, "status")
