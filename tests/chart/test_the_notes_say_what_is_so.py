"""What `helm install` prints: where it acts, and commands that do what they say for this installation."""

from __future__ import annotations

import pytest
from e2e.helm import CHART, RELEASE, Helm, HelmRefused, Values

from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.monitors import THE_CLUSTERS_OWN


def notes(helm: Helm, values: Values | None = None) -> str:
    try:
        how = ("--namespace=monitoring", "--dry-run=client")
        said = helm("install", RELEASE, str(CHART), *how, values=values or {})
    except HelmRefused as refused:
        if "cluster unreachable" in str(refused):
            pytest.skip("Helm 3 asks a cluster even for a dry run")
        raise
    return said.partition("\nNOTES:\n")[2]


def test_every_namespace_that_is_left_out_is_named(helm: Helm) -> None:
    said = notes(helm)

    assert "is in namespace monitoring, and acts in every namespace but this one" in said
    assert all(name in said for name in THE_CLUSTERS_OWN)
    assert "acts in prod, test." in notes(helm, {"watchNamespaces": ["prod", "test"]})


@pytest.mark.parametrize(("override", "fullname"), [("", "llm-monitor"), ("team-a", "team-a")])
def test_the_clean_up_takes_what_the_operator_has_labelled_for_this_installation(
    helm: Helm, override: str, fullname: str
) -> None:
    value = kept(fullname)["llmmonitor.io/kept"]

    said = notes(helm, {"fullnameOverride": override})

    command = "kubectl delete secret,configmap --namespace monitoring --selector"
    assert f"{command} llmmonitor.io/kept={value}\n" in said


def test_the_definition_is_removed_by_a_command_of_its_own_where_it_is_this_releases(helm: Helm) -> None:
    command = "kubectl delete customresourcedefinition llmmonitors.llmmonitor.io"

    said = notes(helm)

    assert "every LLMMonitor of every namespace" in said.partition(command)[0]
    assert command in said
    assert command not in notes(helm, {"crds": {"install": False}})
