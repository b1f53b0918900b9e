"""An operator that is cut off from the API server ends before another one leads: status has one writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from e2e.cluster import audit, faults
from e2e.cluster.layout import KUBERNETES_SERVICE_IP, Layout
from e2e.faults.watched import MINUTES, Watched, settled
from e2e.installed import RELEASE, Installed
from e2e.waiting import until

LEASE = "lease/llm-monitor-operator"
CUT_SECONDS = 45.0


@pytest.mark.timeout(900)
def test_a_leader_that_is_cut_off_is_followed_and_writes_no_more(
    cluster_of_ours: Layout, product: Installed, model: Watched, figure: Callable[[str], None]
) -> None:
    clients = model.ask(seconds=150)
    before = settled(model)
    leader = _holder(product)
    pod = product.kubectl.get(f"pod/{leader}")

    with faults.cut_off(cluster_of_ours, pod, f"ip daddr {KUBERNETES_SERVICE_IP}"):
        began = time.time()
        until(lambda: _holder(product) not in {leader, ""}, "another one to lead", 1 * MINUTES)
        taken_over = datetime.now(UTC)
        figure(f"another one led {time.time() - began:.1f} s after the leader was cut off")
        time.sleep(CUT_SECONDS)

    model.nothing_lost(clients)
    assert model.steady() == before
    address = pod["status"]["podIP"]
    late = [
        one
        for one in audit.requests(cluster_of_ours.audit_log)
        if one.at > taken_over
        and one.namespace_of_account == RELEASE
        and one.resource == "llmmonitors/status"
        and address in one.addresses
    ]
    assert not late, "the one that was cut off wrote a status after another one led"
    product.kubectl("rollout", "status", "deployment/llm-monitor-operator", "--timeout=180s")


def _holder(product: Installed) -> str:
    return str(product.kubectl.get(LEASE)["spec"].get("holderIdentity") or "")
