"""A release of the chart without its programs: what the API server makes of it, grants and denies.

With no replicas nothing has to be built. The release has a name and a namespace of its own, so that it stands
beside another one on a shared cluster; the definition of LLMMonitor is there already.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from e2e.helm import CHART, Helm
from e2e.kubectl import Kubectl

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"llm-monitor-sidecar@{DIGEST}"


@dataclass(frozen=True, slots=True)
class Release:
    """One release, in a namespace of the same name."""

    name: str
    helm: Helm
    kubectl: Kubectl
    """As the cluster's administrator, in the release's namespace."""
    values: Mapping[str, Any]

    def upgrade(self, helm: Helm | None = None, **values: Any) -> None:
        """`helm upgrade --install` with some values changed; by another Helm, if one is given."""
        place = f"--namespace={self.name}"
        (helm or self.helm)(
            "upgrade", "--install", self.name, str(CHART), place, values={**self.values, **values}
        )

    def acting(self, who: str) -> Kubectl:
        """kubectl with the rights of the release's ServiceAccount `operator` or `webhook`."""
        user = f"system:serviceaccount:{self.name}:{self.name}-{who}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{self.name}", "system:authenticated")
        command = [*self.kubectl.command, f"--as={user}", *(f"--as-group={group}" for group in groups)]
        return replace(self.kubectl, command=command)


@contextmanager
def released(helm: Helm, kubectl: Kubectl, **values: Any) -> Iterator[Release]:
    """A release, removed in the end; `values` over those that need no programs."""
    name = f"chart-{secrets.token_hex(3)}"
    few: dict[str, Any] = {
        "fullnameOverride": name,
        "crds": {"install": False},
        "operator": {"replicas": 0},
        "webhook": {"replicas": 0},
        "sidecar": {"image": {"digest": DIGEST}},
        **values,
    }
    release = Release(name, helm, kubectl.within(name), few)
    kubectl("create", "namespace", name)
    try:
        release.upgrade()
        yield release
    finally:
        helm("uninstall", name, f"--namespace={name}", "--ignore-not-found")
        kubectl("delete", "namespace", name, "--wait=false")
