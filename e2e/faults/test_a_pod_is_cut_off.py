"""A sidecar that cannot be reached is said to be so; what its model did meanwhile is counted later."""

from __future__ import annotations

import pytest
from e2e import small_models
from e2e.cluster import faults
from e2e.cluster.layout import Layout
from e2e.faults.watched import MINUTES, Watched, settled

API_PORT = 14002


@pytest.mark.timeout(900)
def test_what_a_pod_did_while_it_was_cut_off_is_counted_afterwards(
    cluster_of_ours: Layout, model: Watched
) -> None:
    clients = model.ask(seconds=150)
    settled(model)
    [lost, _other] = model.pods()

    with faults.cut_off(cluster_of_ours, lost, f"tcp dport {API_PORT}"):
        found = model.becomes(2 * MINUTES, Reporting="Unreachable")
        ready = [small_models.ready(pod) for pod in model.pods()]

    name = lost["metadata"]["name"]
    assert found["Reporting"]["status"] == "False"
    assert name in found["Reporting"]["message"]
    assert "NetworkPolicy" in found["Reporting"]["message"]
    assert ready == [True, True]
    model.becomes(2 * MINUTES, Reporting="True")
    model.nothing_lost(clients)
