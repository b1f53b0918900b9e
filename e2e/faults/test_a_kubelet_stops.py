"""A node whose kubelet is gone is NotReady; its model serves on, and is read and reported all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from e2e.cluster import faults
from e2e.cluster.layout import Layout, Node
from e2e.faults.watched import MINUTES, Watched, settled
from e2e.kubectl import Kubectl
from e2e.waiting import until

SECOND = Node(2)


@pytest.mark.timeout(900)
def test_the_model_on_a_node_that_is_not_ready_is_still_reported(
    cluster_of_ours: Layout, cluster: Kubectl, model: Watched, figure: Callable[[str], None]
) -> None:
    clients = model.ask(seconds=180)
    before = settled(model)
    counted = model.requests()

    with faults.without(cluster_of_ours, faults.KUBELET, SECOND):
        until(lambda: not _ready(cluster), f"{SECOND.name} to be NotReady", 3 * MINUTES)
        during = model.requests()
        until(lambda: model.requests() > during, "requests to be counted meanwhile", 2 * MINUTES)
        meanwhile = model.steady()

    until(lambda: _ready(cluster), f"{SECOND.name} to be Ready", 2 * MINUTES)
    figure(f"{during - counted} requests were counted until the node was NotReady")
    assert meanwhile == before
    model.nothing_lost(clients)
    assert model.steady() == before


def _ready(cluster: Kubectl) -> bool:
    found = cluster.get(f"node/{SECOND.name}")["status"]["conditions"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in found)
