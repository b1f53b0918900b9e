"""The definition of LLMMonitor as a real API server and kubectl take it: schema, columns, names, texts."""

from __future__ import annotations

import pytest
from e2e.kubectl import Kubectl

CRD = "customresourcedefinition/llmmonitors.llmmonitor.io"


def test_the_api_server_serves_llmmonitors_and_finds_no_fault_with_the_schema(monitors: Kubectl) -> None:
    conditions = {one["type"]: one for one in monitors.get(CRD)["status"]["conditions"]}

    assert conditions["Established"]["status"] == "True"
    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_kubectl_apply_as_a_person_would_type_it_takes_the_file(monitors: Kubectl) -> None:
    # `kubectl apply` keeps the whole file in an annotation of at most 256 KiB
    crd = monitors.get(CRD)

    monitors.apply({**crd, "metadata": {"name": crd["metadata"]["name"]}, "status": None}, dry_run=True)


@pytest.mark.usefixtures("monitors")
def test_monitors_are_listed_by_their_short_name_with_the_columns_of_the_design(namespace: Kubectl) -> None:
    namespace.apply(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat"},
            "spec": {"selector": {"matchLabels": {"app": "chat"}}},
        }
    )

    header, row = (line.split() for line in namespace("get", "llmm").splitlines())
    assert header == ["NAME", "ENGINE", "PODS", "HEALTHY", "REASON", "TTFT-P99", "TOKENS/S", "COST/1M", "AGE"]
    assert row[0] == "chat"
    assert "llmmonitor.llmmonitor.io/chat" in namespace("get", "all", "--output=name")


def test_every_field_is_explained(monitors: Kubectl) -> None:
    text = monitors("explain", "llmmonitor.spec.interception", "--recursive=false")

    assert "maxAddedLatency" in text
    assert "existingConnections" in text
