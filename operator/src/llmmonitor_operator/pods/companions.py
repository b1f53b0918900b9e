"""Containers that accompany a server and serve no model: meshes, log and metrics agents, secrets, proxies.

Only what is unmistakable by its name or image; `spec.target.container` decides where this is not enough.
"""

from __future__ import annotations

import re

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.engines import repository

_NAMES = re.compile(
    r"istio-proxy|linkerd-proxy|kuma-sidecar|consul-.*|envoy.*|queue-proxy|daprd|vault-agent.*|otc-container"
    r"|cloud-?sql-proxy|kube-rbac-proxy|oauth2?-proxy|git-sync|datadog-.*|newrelic-.*|aws-.*-agent"
    r"|.*(?:fluent-?bit|fluentd|filebeat|promtail|logrotate|exporter).*|.*-(?:agent|puller|downloader|proxy)"
)
_IMAGES = re.compile(
    r"(?:^|/)(?:proxyv2|envoy|fluent-?bit|fluentd|filebeat|vector|promtail|alloy|telegraf|daprd|vault|git-sync"
    r"|(?:opentelemetry|otel)-.*|.*-exporter|.*-proxy|busybox|pause)(?:-\w+)?$"
)


def is_companion(container: Raw) -> bool:
    """Whether the container is there for the others."""
    name, image = container.get("name", ""), repository(container.get("image", ""))
    return bool(_NAMES.fullmatch(name) or _IMAGES.search(image))
