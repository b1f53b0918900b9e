"""The definition of LLMMonitor, as the tests put it on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # as in helm.py
from e2e.kubectl import Kubectl

_CRD = Path(__file__).parents[1] / "crds" / "llmmonitors.llmmonitor.io.yaml"


def definition() -> dict[str, Any]:
    """The one of this tree."""
    return dict(yaml.safe_load(_CRD.read_text(encoding="utf-8")))


def establish(cluster: Kubectl, crd: Mapping[str, Any]) -> None:
    """Apply a definition, and wait until the API server serves it."""
    name, kind = crd["metadata"]["name"], crd["spec"]["names"]["kind"]
    # a release of an earlier run may have taken it over
    cluster("apply", "--server-side", "--force-conflicts", "--filename=-", document=crd)
    # a definition just made has no conditions, at which `kubectl wait --for=condition` gives up
    for state in (f"jsonpath={{.status.acceptedNames.kind}}={kind}", "condition=Established"):
        cluster("wait", f"--for={state}", "--timeout=30s", f"customresourcedefinition/{name}")
