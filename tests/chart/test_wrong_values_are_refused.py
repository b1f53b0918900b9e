"""A typo in the values ends the installation before it begins, and the message names it."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.helm import Helm, HelmRefused

WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a misspelt key": ({"webhok": {"enabled": False}}, ["webhok"]),
    "a misspelt key further down": ({"operator": {"replica": 3}}, ["operator", "replica"]),
    "text for a number": ({"webhook": {"timeoutSeconds": "2s"}}, ["timeoutSeconds", "integer"]),
    "a time-out the API server refuses": ({"webhook": {"timeoutSeconds": 60}}, ["timeoutSeconds", "10"]),
    "a digest that is none": ({"sidecar": {"image": {"digest": "latest"}}}, ["digest", "sha256"]),
    "a repository with its tag twice": ({"operator": {"image": {"repository": "a b"}}}, ["repository"]),
    "an unknown source": ({"certificates": {"source": "Vault"}}, ["source", "CertManager"]),
    "an unknown pull policy": ({"sidecar": {"image": {"pullPolicy": "Sometimes"}}}, ["pullPolicy", "Never"]),
    "a device by its number": ({"sidecar": {"nvidiaDevices": "0"}}, ["nvidiaDevices", "All"]),
    "an exporter that is no URL": ({"sidecar": {"dcgmExporter": "gpu-node:9400"}}, ["dcgmExporter"]),
    "no quantity": ({"sidecar": {"resources": {"memoryLimit": "lots"}}}, ["memoryLimit"]),
    "less memory than it takes": ({"sidecar": {"resources": {"memoryLimit": "64Mi"}}}, ["memoryLimit"]),
    "no duration": ({"operator": {"restartTimeout": "15 minutes"}}, ["restartTimeout"]),
    "a rest of more than four minutes": ({"operator": {"rest": "241s"}}, ["rest"]),
    "a namespace that can't be": ({"watchNamespaces": ["Prod"]}, ["watchNamespaces"]),
    "namespaces as text": ({"watchNamespaces": "prod"}, ["watchNamespaces", "array"]),
    "the cluster's own namespace": ({"watchNamespaces": ["kube-system"]}, ["kube-system", "stays out"]),
    "our own namespace": ({"watchNamespaces": ["llm-monitor"]}, ["llm-monitor", "stays out"]),
    "a network without its length": (
        {"networkPolicies": {"apiServer": {"cidrs": ["10.0.0.1"]}}},
        ["cidrs"],
    ),
    "docs without where": ({"monitoring": {"prometheusRule": {"docsUrl": "docs/"}}}, ["docsUrl"]),
    "alerts on what nobody scrapes": (
        {"monitoring": {"prometheusRule": {"enabled": True}}},
        ["prometheusRule.enabled", "serviceMonitor.enabled", "both or neither"],
    ),
    "a dashboard of what nobody records": (
        {"monitoring": {"grafanaDashboard": {"enabled": True}}},
        ["grafanaDashboard.enabled", "prometheusRule.enabled", "both or neither"],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_with_the_values_name(helm: Helm, what: str) -> None:
    values, words = WRONG[what]

    with pytest.raises(HelmRefused) as refused:
        helm.text(values)

    assert not [word for word in words if word not in str(refused.value)], str(refused.value)


def test_kube_system_is_no_place_for_a_release(helm: Helm) -> None:
    with pytest.raises(HelmRefused, match="namespace of its own"):
        helm.text(namespace="kube-system")


def test_an_old_cluster_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmRefused, match=r"1\.30"):
        helm.text(None, "--kube-version=1.29.9")
