"""The product as a person installs it: the chart with the images of this tree, both Deployments ready."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.helm import CHART, Helm
from e2e.kubectl import Kubectl
from e2e.waiting import until

RELEASE = "llm-monitor"
KEEP = "E2E_KEEP"
"""Set: the release stays for the next run, which is quicker for it."""
_WAIT = ("--wait", "--timeout=240s")
_TAKE_OVER = ("--take-ownership", "--force-conflicts")
"""Helm 4's, for what kubectl applied before."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The release `llm-monitor` in the namespace of that name."""

    helm: Helm
    kubectl: Kubectl
    """In the release's namespace."""
    images: Mapping[str, str]
    """What a pod's manifest says, by the image's name."""
    notes: str = field(default="")
    """What `helm install` printed."""

    def upgrade(self, **values: Any) -> None:
        """`helm upgrade` with some values over those of the installation."""
        self.become(CHART, self.images, **values)

    def become(self, chart: Path, images: Mapping[str, str], **values: Any) -> None:
        """The same release by another version's chart and images; with `crds` the CRD is theirs too."""
        given = {**values_for(images), **values}
        options = (*_WAIT, *_TAKE_OVER) if values.get("crds") else _WAIT
        self.helm("upgrade", RELEASE, str(chart), f"--namespace={RELEASE}", *options, values=given)

    def roll_back(self) -> None:
        """`helm rollback` to the revision before."""
        self.helm("rollback", RELEASE, f"--namespace={RELEASE}", *_WAIT)

    @contextmanager
    def without_operator(self) -> Iterator[None]:
        """Meanwhile no operator's pod is there; in the end both replicas are ready again."""
        operator, pods = f"deployment/{RELEASE}-operator", "--selector=app.kubernetes.io/component=operator"
        self.kubectl("scale", operator, "--replicas=0")
        try:
            until(lambda: not self.kubectl.get("pods", pods)["items"], "the operator to be gone", 120)
            yield
        finally:
            self.kubectl("scale", operator, "--replicas=2")
            self.kubectl("rollout", "status", operator, "--timeout=180s")

    def verdict(self, namespace: str | None) -> str:
        """What the operator has published about a namespace; empty before that."""
        return str(self.kubectl.get("configmap/llm-monitor-verdicts")["data"].get(str(namespace), ""))

    def logs(self, component: str) -> str:
        """What all replicas of `operator` or `webhook` have said."""
        return self.kubectl("logs", f"--selector=app.kubernetes.io/component={component}", "--tail=-1")


@contextmanager
def installed(helm: Helm, kubectl: Kubectl, images: Mapping[str, str]) -> Iterator[Installed]:
    """Install it, and uninstall it in the end."""
    place = f"--namespace={RELEASE}"
    install = ("upgrade", "--install", RELEASE, str(CHART), place, "--create-namespace", *_WAIT)
    notes = helm(*install, values=values_for(images))
    try:
        yield Installed(helm, kubectl.within(RELEASE), images, notes)
    finally:
        if not os.environ.get(KEEP):
            helm("uninstall", RELEASE, place, "--ignore-not-found", "--wait")
            kubectl("delete", "namespace", RELEASE, "--wait=false")


def values_for(images: Mapping[str, str]) -> dict[str, Any]:
    """The chart's values for these images; the definition of LLMMonitor is the tests' own."""
    return {
        "crds": {"install": False},
        "operator": {"image": _image(images["llm-monitor-operator"])},
        "sidecar": {"image": _image(images["llm-monitor-sidecar"])},
    }


def _image(reference: str) -> dict[str, str]:
    repository, _, digest = reference.partition("@")
    if digest:
        return {"repository": repository, "digest": digest}
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}
