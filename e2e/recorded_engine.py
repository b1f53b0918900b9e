"""A model server of which only its metrics are there: what a real vLLM once said of itself.

For tests of what a sidecar sees where it does not read traffic. It is Python's own file server over a
ConfigMap, so it runs in the sidecar's image, in a restricted namespace too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.kubectl import Kubectl
from e2e.model_pods import NOTHING, PORT, PYTHON
from e2e.small_models import CONTAINER, SMALL
from e2e.waiting import until

_RECORDED = Path(__file__).parents[1] / "tests" / "sidecar" / "engines" / "vllm_metrics.txt"
KV_CACHE_SHARE = 0.97
"""As recorded, of the fuller of its two engines."""
_SITE = "recorded-engine"


def site() -> dict[str, Any]:
    """What it serves; needed in its namespace."""
    data = {"metrics": _RECORDED.read_text(encoding="utf-8")}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _SITE}, "data": data}


def pod(image: str, *beside: dict[str, Any], port: int = PORT, **spec: Any) -> dict[str, Any]:
    """The spec of its pods, for `small_models.deployment(name, {}, **pod(...))`; with containers `beside`."""
    server = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-m", "http.server", str(port), "--directory", "/site"],
        "resources": SMALL,
        "securityContext": NOTHING,
        "volumeMounts": [{"name": "site", "mountPath": "/site"}],
    }
    volume = {"name": "site", "configMap": {"name": _SITE}}
    return {"containers": [server, *beside], "volumes": [volume], **spec}


def target(port: int = PORT) -> dict[str, Any]:
    """`spec.target` of its monitor: nothing in the pod shows what engine it is."""
    return {"container": CONTAINER, "port": port, "engine": "VLLM"}


def seen(namespace: Kubectl, monitor: str) -> dict[str, Any]:
    """The monitor's status, once it has figures of the engine and of its process."""

    def with_figures() -> dict[str, Any] | None:
        status: dict[str, Any] = namespace.get(f"llmmonitor/{monitor}").get("status") or {}
        known = {"kvCacheShare", "memoryUsedBytes"} <= (status.get("resources") or {}).keys()
        return status if known and status.get("engine") else None

    return until(with_figures, f"figures of engine and process in LLMMonitor {monitor}", 90)
