"""Without an API server nothing is written; afterwards nothing was lost, and nothing has flapped."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import pytest
from e2e.cluster import faults
from e2e.cluster.layout import Layout
from e2e.faults.watched import MINUTES, Watched, settled
from e2e.installed import Installed
from e2e.waiting import until

DOWN_SECONDS = 60.0


@pytest.mark.timeout(900)
def test_a_minute_without_an_api_server_loses_nothing(
    cluster_of_ours: Layout, product: Installed, model: Watched, figure: Callable[[str], None]
) -> None:
    clients = model.ask(seconds=DOWN_SECONDS + 90)
    before, gone_before = settled(model), _gone(product)
    window_end = _window_end(model)

    with faults.without(cluster_of_ours, faults.API_SERVER):
        time.sleep(DOWN_SECONDS)
        back = time.time()

    status_age = back - window_end  # all that a person can see meanwhile: figures that say how old they are
    taken_up = until(lambda: _window_end(model) > back and time.time(), "newer figures", 3 * MINUTES)
    figure(f"figures were {status_age:.0f} s old when it came back, new ones {taken_up - back:.0f} s later")
    assert status_age >= DOWN_SECONDS
    model.nothing_lost(clients)
    assert model.steady() == before
    assert _gone(product) > gone_before, "no watch was dropped with 410 Gone"


@pytest.mark.timeout(900)
def test_a_restart_of_etcd_loses_nothing(cluster_of_ours: Layout, model: Watched) -> None:
    clients = model.ask(seconds=75)
    before = settled(model)

    with faults.without(cluster_of_ours, faults.ETCD):
        time.sleep(10)
        back = time.time()

    until(lambda: _window_end(model) > back, "newer figures", 3 * MINUTES)
    model.nothing_lost(clients)
    assert model.steady() == before


def _window_end(model: Watched) -> float:
    status = model.namespace.get(f"llmmonitor/{model.name}").get("status") or {}
    end = (status.get("window") or {}).get("end")
    return datetime.fromisoformat(end).timestamp() if end else 0.0


def _gone(product: Installed) -> int:
    """How often a watch of the webhook was ended because what it knew was too old; operators start anew.

    An API server says so within the watch, whose HTTP status is 200 by then: its audit log does not have it.
    """
    return product.logs("webhook").count("410 Gone")
