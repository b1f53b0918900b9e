"""What Helm does to a release over its life, as the API server keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.chart import Release, released
from e2e.helm import Helm
from e2e.kubectl import Kubectl, Refused

AUTHORITY = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
EVERYTHING = (
    "serviceaccount,service,deployment,role,rolebinding,poddisruptionbudget,networkpolicy,"
    "clusterrole,clusterrolebinding,mutatingwebhookconfiguration,"
    "validatingadmissionpolicy,validatingadmissionpolicybinding"
)


@pytest.fixture
def release(helm: Helm, monitors: Kubectl) -> Iterator[Release]:
    with released(helm, monitors) as found:
        yield found


def of(release: Release) -> dict[str, Any]:
    """Everything of the release, by kind and name."""
    items = release.kubectl.get(EVERYTHING, f"--selector=app.kubernetes.io/instance={release.name}")["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in items}


def authority(release: Release) -> str:
    configuration = release.kubectl.get("mutatingwebhookconfiguration", release.name)
    return str(configuration["webhooks"][0]["clientConfig"].get("caBundle", ""))


def write_authority(release: Release) -> None:
    operations = json.dumps([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": AUTHORITY}])
    named = ("mutatingwebhookconfiguration", release.name, "--type=json")
    release.acting("operator")("patch", *named, f"--patch={operations}")


def test_an_upgrade_keeps_the_authority_that_the_operator_wrote(release: Release, helms: list[Helm]) -> None:
    write_authority(release)

    for seconds, helm in enumerate([*helms, *helms], start=3):
        release.upgrade(helm, webhook={"replicas": 0, "timeoutSeconds": seconds})

        assert authority(release) == AUTHORITY
        configuration = release.kubectl.get("mutatingwebhookconfiguration", release.name)
        assert configuration["webhooks"][0]["timeoutSeconds"] == seconds


def test_an_upgrade_with_nothing_new_changes_nothing(release: Release) -> None:
    write_authority(release)
    before = {name: one["metadata"].get("generation") for name, one in of(release).items()}

    release.upgrade()

    assert {name: one["metadata"].get("generation") for name, one in of(release).items()} == before


def test_every_helm_installs_and_removes_it_without_a_trace(monitors: Kubectl, helms: list[Helm]) -> None:
    for helm in helms:
        with released(helm, monitors) as release:
            assert of(release)
            helm("uninstall", release.name, f"--namespace={release.name}")

            assert not of(release)


def test_an_installation_for_one_namespace_can_do_nothing_in_another(
    helm: Helm, monitors: Kubectl, namespace: Kubectl
) -> None:
    place = str(namespace.namespace)

    with released(helm, monitors, watchNamespaces=[place]) as release:
        for who, verb in (("operator", "watch"), ("webhook", "list")):
            account = release.acting(who)
            assert account.within(place)("auth", "can-i", verb, "llmmonitors.llmmonitor.io").strip() == "yes"
            with pytest.raises(Refused):
                account.within("default")("auth", "can-i", verb, "llmmonitors.llmmonitor.io")
        # a Role in a namespace is the right to read that Namespace itself
        assert place in release.acting("operator")("get", "namespace", place)
        with pytest.raises(Refused, match="forbidden"):
            release.acting("operator")("get", "namespace", "default")
