from __future__ import annotations

import io
import json
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console
from tests.operator import kube_server
from tests.operator.kube_refusal import Refusal, refused
from tests.operator.kube_server import KubeServer

from llmmonitor_cli import audit as auditing
from llmmonitor_cli.audit import NotAudited, as_json, audit, show
from llmmonitor_operator.audit import chain
from llmmonitor_operator.audit.record import Entry, What
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.audits import Audits

NOW = 1_800_000_000.0


async def recorded(server: KubeServer, kube: Kube) -> dict[str, Any]:
    monitor = await kube.create(
        paths.monitors("prod"),
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat", "namespace": "prod"},
            "spec": {"selector": {}},
        },
    )
    audits = Audits(kube, "llm-monitor", "llm-monitor")
    for why in ("the first", "a [bold]name[/bold]"):
        grown = await audits.append(monitor, Entry(who="ada", what=What.LOOK, why=why), NOW)
    status = {"audit": {"namespace": "llm-monitor", "records": grown.number, "head": grown.head}}
    return server.put(paths.monitors("prod"), {**monitor, "status": status})


async def test_a_whole_chain_is_listed_and_its_digest_said() -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        monitor = await recorded(server, kube)

        found = await audit(kube, "prod", "chat")
        written = io.StringIO()
        show(found, Console(file=written, width=200))

        assert "a [bold]name[/bold]" in written.getvalue()  # as it was written, not as markup
        assert "2 records of prod/chat in namespace llm-monitor: the chain is whole" in written.getvalue()
        assert monitor["status"]["audit"]["head"] in written.getvalue()
        assert json.loads(as_json(found))["whole"] is True


async def test_many_records_are_read_in_pieces_and_the_newest_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "SHOWN_LIMIT", 1)
    monkeypatch.setattr(chain, "RECORDS_LIMIT", 1)
    monkeypatch.setattr(auditing, "VOLUMES_AT_ONCE", 1)
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await recorded(server, kube)
        server.asked.clear()

        found = await audit(kube, "prod", "chat")
        written = io.StringIO()
        show(found, Console(file=written, width=200))

    listed = [one for one in server.asked if "/configmaps" in one]
    assert ["limit=1&" in one for one in listed] == [True, True]
    assert "1 older records are not shown: --json has all" in written.getvalue()
    assert "the first" not in written.getvalue()
    assert "a [bold]name[/bold]" in written.getvalue()
    assert "2 records of prod/chat in namespace llm-monitor: the chain is whole" in written.getvalue()
    assert len(json.loads(as_json(found))["records"]) == 2


async def test_a_record_that_was_taken_away_is_named() -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        monitor = await recorded(server, kube)
        name = f"llm-monitor-audit-{monitor['metadata']['uid']}-0001"
        volume = server.at(paths.config_map("llm-monitor", name))
        first, *_ = sorted(volume["data"].items())
        server.put(paths.config_maps("llm-monitor"), {**volume, "data": dict([first])})

        found = await audit(kube, "prod", "chat")

        assert found.verified.problems == ("record 2 is missing: the status says that there were 2",)
        assert json.loads(as_json(found))["whole"] is False


async def test_who_may_not_read_the_records_is_told_where_they_are() -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await recorded(server, kube)

        async def forbidden(request: web.Request) -> web.Response | None:
            listed = request.path == paths.config_maps("llm-monitor")
            return refused(Refusal(403, "no", "Forbidden")) if listed else None

        server.fault = forbidden

        with pytest.raises(NotAudited, match="ConfigMaps in namespace llm-monitor"):
            await audit(kube, "prod", "chat")
