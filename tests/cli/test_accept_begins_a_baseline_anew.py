from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.operator import kube_server

from llmmonitor_cli.accept import NotAccepted, accept
from llmmonitor_operator.kube import paths
from llmmonitor_operator.reconcile.keep.drift_watcher import ACCEPTED

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)


async def test_the_monitor_says_when_what_was_taken_for_normal() -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        monitor = {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat", "namespace": "prod", "annotations": {"theirs": "stays"}},
            "spec": {"selector": {}, "drift": {"baseline": {"minDuration": "3d"}}},
        }
        await kube.create(paths.monitors("prod"), monitor)

        words = await accept(kube, "prod", "chat", NOW)

        kept = server.at(paths.monitor("prod", "chat"))["metadata"]["annotations"]
        assert kept == {"theirs": "stays", ACCEPTED: "2027-01-15T08:00:00Z"}
        assert "prod/chat" in words
        assert "spans 3d" in words


async def test_a_monitor_that_is_not_there_is_said() -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        with pytest.raises(NotAccepted, match="no LLMMonitor prod/chat"):
            await accept(kube, "prod", "chat", NOW)
