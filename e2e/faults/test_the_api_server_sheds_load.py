"""An API server that answers 429 to all the operator asks, its Lease included, is waited for."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from e2e.cluster import audit
from e2e.cluster.layout import Layout
from e2e.faults.watched import Watched, settled
from e2e.installed import RELEASE, Installed
from e2e.kubectl import Kubectl

STORM_SECONDS = 50.0
"""Shorter than the API server gives one request: the one that holds the place of all others."""
TOO_MANY = 429
ACCOUNT = "llm-monitor-operator"
NAME = "e2e-refuses-the-operator"
FIRST = 50
"""Before all that API servers have by themselves but for probes (2) and who is exempt (1)."""
GROUP = "flowcontrol.apiserver.k8s.io/v1"


@pytest.mark.timeout(900)
def test_a_storm_of_429_loses_nothing(
    cluster_of_ours: Layout, cluster: Kubectl, product: Installed, model: Watched
) -> None:
    clients = model.ask(seconds=STORM_SECONDS + 90)
    before = settled(model)
    began = datetime.now(UTC)

    with _refused(cluster, product):
        time.sleep(STORM_SECONDS)

    model.nothing_lost(clients)
    assert model.steady() == before
    refused = [one for one in audit.requests(cluster_of_ours.audit_log) if one.at >= began]
    storm = [one for one in refused if one.status == TOO_MANY and one.namespace_of_account == RELEASE]
    assert storm, "nothing was refused: the priority level did not take hold"
    assert len(storm) <= STORM_SECONDS * 10, "it is asked without a pause"


@contextmanager
def _refused(cluster: Kubectl, product: Installed) -> Iterator[None]:
    """By API Priority and Fairness: one request at a time for this account, and one that takes long.

    A level of no capacity still serves a request while it serves no other. The one that keeps it busy is in
    the operator's name: something to be created, of which no more than the beginning is ever sent.
    """
    place = str(product.kubectl.namespace)
    cluster.apply(_level(), _flow(place))
    busy = [
        *cluster.command,
        "create",
        f"--raw=/api/v1/namespaces/{place}/configmaps",
        "--filename=-",
        f"--as=system:serviceaccount:{place}:{ACCOUNT}",
    ]
    try:
        with subprocess.Popen(busy, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
            try:
                yield
                assert holder.poll() is None, "the storm ended by itself"
            finally:
                holder.kill()
    finally:
        cluster("delete", f"flowschema/{NAME}", f"prioritylevelconfiguration/{NAME}")


def _level() -> dict[str, Any]:
    limited = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}
    return {
        "apiVersion": GROUP,
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": NAME},
        "spec": {"type": "Limited", "limited": {**limited, "borrowingLimitPercent": 0}},
    }


def _flow(namespace: str) -> dict[str, Any]:
    account = {"namespace": namespace, "name": ACCOUNT}
    everything = {
        "verbs": ["*"],
        "apiGroups": ["*"],
        "resources": ["*"],
        "clusterScope": True,
        "namespaces": ["*"],
    }
    rule = {
        "subjects": [{"kind": "ServiceAccount", "serviceAccount": account}],
        "resourceRules": [everything],
    }
    return {
        "apiVersion": GROUP,
        "kind": "FlowSchema",
        "metadata": {"name": NAME},
        "spec": {
            "priorityLevelConfiguration": {"name": NAME},
            "matchingPrecedence": FIRST,
            "rules": [rule],
        },
    }
