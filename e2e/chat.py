"""A chat model as people serve it (Deployment, Service, monitor), and users who talk to it from a pod."""

from __future__ import annotations

import json
import secrets
from typing import Any

from e2e.kubectl import Kubectl
from e2e.waiting import until

NAME = "chat"
PORT = 8000


def model(image: str, *, name: str = NAME, replicas: int = 1, **pod: Any) -> dict[str, Any]:
    """The Deployment; `pod` goes over its pods' spec."""
    server = {
        "name": "server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--threads=1", "--parallel=2"],
        "ports": [{"containerPort": PORT, "name": "http"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [server], "terminationGracePeriodSeconds": 5, **pod},
            },
        },
    }


def service(name: str = NAME) -> dict[str, Any]:
    """In front of it."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def monitor(name: str = NAME, **spec: Any) -> dict[str, Any]:
    """An LLMMonitor; with nothing more than a selector unless `spec` says so."""
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": NAME}}, **spec},
    }


def pods(namespace: Kubectl, app: str = NAME) -> list[dict[str, Any]]:
    """The model's pods that are not on their way out, the oldest first."""
    found = namespace.get("pods", f"--selector=app={app}")["items"]
    here = [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
    return sorted(here, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


class Users:
    """A pod of users who talk to the model through its Service."""

    def __init__(self, namespace: Kubectl, image: str, *flags: str) -> None:
        """Args: flags: of the clients' program (`--seconds=30`, `--users=4`)."""
        self._namespace = namespace
        self.name = f"users-{secrets.token_hex(3)}"
        address = namespace.get(f"service/{NAME}")["spec"]["clusterIP"]
        container = {
            "name": "users",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/opt/model/bin/python", "/opt/model/clients.py"],
            "args": [f"http://{address}", *flags],
        }
        namespace.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": self.name},
                "spec": {
                    "containers": [container],
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 1,
                },
            }
        )

    def seen(self, seconds: float = 120.0) -> dict[str, Any]:
        """What they saw in all, once they are done."""

        def over() -> bool:
            phase = self._namespace.get(f"pod/{self.name}")["status"].get("phase")
            assert phase != "Failed", self._namespace("logs", self.name)
            return bool(phase == "Succeeded")

        until(over, f"users of pod {self.name} to be done", seconds)
        found: dict[str, Any] = json.loads(self._namespace("logs", self.name).splitlines()[-1])
        return found
