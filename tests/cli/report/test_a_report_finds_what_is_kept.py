from __future__ import annotations

import base64
import copy
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.cli.report.kept_traffic import UID
from tests.cli.report.kept_weeks import NAME, NAMESPACE, OPERATOR_NAMESPACE, Weeks, saved
from tests.operator import kube_server
from tests.operator.kube_refusal import Refusal, refused

from llmmonitor_cli.report.gathering.cluster import from_kube
from llmmonitor_cli.report.gathering.files import from_files
from llmmonitor_cli.report.gathering.found import NoReport, material_of
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_operator.checkpoint import encode
from llmmonitor_operator.kube import paths

Kept = list[dict[str, Any]]
HOT = f"llm-monitor-checkpoint-{UID}"


pytestmark = pytest.mark.timeout(300)  # four weeks take seconds to make, on a busy machine a minute or two


def config_maps(kept: Kept) -> Kept:
    return copy.deepcopy([one for one in kept if one.get("kind") == "ConfigMap"])


def named(kept: Kept, name: str) -> dict[str, Any]:
    return next(one for one in kept if one["metadata"]["name"] == name)


async def test_it_is_found_by_the_monitors_uid_wherever_the_operator_runs(weeks: Weeks) -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await saved(weeks, server)
        before = server.writes()

        found = await from_kube(kube, NAMESPACE, NAME)

    assert server.writes() == before
    assert found.state.cost == weeks.state.cost
    assert found.state.counts == weeks.state.counts
    assert found.baseline == weeks.baseline
    assert len(found.cells) >= 27 * 280
    assert found.saved_at == weeks.now
    assert found.missing == ()
    assert found.status.performance is not None


async def test_of_a_monitor_that_is_gone_the_last_checkpoint_speaks(weeks: Weeks) -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await saved(weeks, server)
        server.remove(paths.monitor(NAMESPACE, NAME))

        found = await from_kube(kube, NAMESPACE, NAME, OPERATOR_NAMESPACE)

    assert found.uid == UID
    assert any("is gone" in one for one in found.missing)
    assert {one.type for one in found.status.conditions} >= {"Healthy", "DriftFree"}
    assert found.status.performance is None


async def test_another_monitor_of_the_same_name_before_it_is_not_taken_for_it(weeks: Weeks) -> None:
    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await saved(weeks, server)
        anew = copy.deepcopy(weeks.monitor)
        anew["metadata"]["uid"] = "another"
        server.remove(paths.monitor(NAMESPACE, NAME))
        server.put(paths.monitors(NAMESPACE), anew)

        with pytest.raises(NoReport, match="no checkpoint of it"):
            await from_kube(kube, NAMESPACE, NAME)


async def test_who_may_not_list_is_told_the_way_out(weeks: Weeks) -> None:
    async def forbid(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/api/v1/configmaps":
            return refused(
                Refusal(403, "configmaps is forbidden: cannot list at the cluster scope", "Forbidden")
            )
        return None

    async with kube_server.serving() as server, kube_server.connected(server.url) as kube:
        await saved(weeks, server)
        server.fault = forbid

        with pytest.raises(NoReport, match="--operator-namespace"):
            await from_kube(kube, NAMESPACE, NAME)
        found = await from_kube(kube, NAMESPACE, NAME, OPERATOR_NAMESPACE)

    assert found.uid == UID


def test_a_checkpoint_of_a_later_schema_is_refused_with_the_way_out(weeks: Weeks, kept: Kept) -> None:
    maps = config_maps(kept)
    later = zlib.compress(msgspec.msgpack.encode((99, "another layout", {})))
    named(maps, HOT)["binaryData"]["state"] = base64.b64encode(later).decode()

    with pytest.raises(NoReport, match=r"schema 99.*use the llm-monitor of its version"):
        material_of(NAMESPACE, NAME, weeks.monitor, maps)


@pytest.mark.parametrize("content", ["", "!!!", base64.b64encode(b"no zlib").decode()])
def test_a_checkpoint_that_is_damaged_is_refused(weeks: Weeks, kept: Kept, content: str) -> None:
    maps = config_maps(kept)
    named(maps, HOT)["binaryData"] = {"state": content}

    with pytest.raises(NoReport, match=f"{OPERATOR_NAMESPACE}/{HOT} cannot be read"):
        material_of(NAMESPACE, NAME, weeks.monitor, maps)


def test_a_history_that_is_missing_damaged_or_of_another_schema_is_said(weeks: Weeks, kept: Kept) -> None:
    def without_history(change: str) -> Material:
        maps = config_maps(kept)
        history = named(maps, f"{HOT}-history-1")
        if change == "missing":
            maps.remove(history)
        elif change == "damaged":
            history["binaryData"]["cells"] = base64.b64encode(b"\xc1").decode()
        else:
            history["metadata"]["name"] = f"{HOT}-history-2"
        return material_of(NAMESPACE, NAME, weeks.monitor, maps)

    for change, words in (
        ("missing", "No history of anomalies is kept"),
        ("damaged", "cannot be read"),
        ("later", "of another schema"),
    ):
        found = without_history(change)
        assert any(words in one for one in found.missing), change
        assert found.state.cost == weeks.state.cost
        assert len(found.cells) < 20


def test_what_the_operator_could_not_read_itself_is_said(weeks: Weeks, kept: Kept) -> None:
    maps = config_maps(kept)
    aside = copy.deepcopy(named(maps, HOT))
    aside["metadata"]["name"] = f"{HOT}-unreadable-0123456789"
    aside["metadata"]["labels"]["llmmonitor.io/checkpoint"] = "unreadable"

    found = material_of(NAMESPACE, NAME, weeks.monitor, [*maps, aside])
    with pytest.raises(NoReport, match="set it aside"):
        material_of(NAMESPACE, NAME, weeks.monitor, [aside])

    assert any("unreadable-0123456789" in one for one in found.missing)


def test_of_two_installations_the_newest_checkpoint_counts_and_that_is_said(weeks: Weeks, kept: Kept) -> None:
    maps = config_maps(kept)
    older = copy.deepcopy(named(maps, HOT))
    older["metadata"]["namespace"] = "before"
    older["metadata"]["annotations"]["llmmonitor.io/checkpoint-saved-at"] = "2026-12-01T00:00:00Z"

    found = material_of(NAMESPACE, NAME, weeks.monitor, [older, *maps])

    assert found.saved_at == weeks.now
    assert any(f"before/{HOT} is not" in one for one in found.missing)


def test_an_invalid_spec_gives_way_to_the_last_valid_one(weeks: Weeks, kept: Kept) -> None:
    maps = config_maps(kept)
    valid = msgspec.json.encode(weeks.monitor["spec"]).decode()
    state = msgspec.structs.replace(weeks.state, valid_spec=valid)
    named(maps, HOT)["binaryData"]["state"] = base64.b64encode(encode(state).data).decode()
    broken = weeks.monitor | {"spec": {"selector": {}, "drift": {"window": 7}}}

    found = material_of(NAMESPACE, NAME, broken, maps)

    assert found.settings is not None
    assert [one.name for one in found.settings.objectives] == ["first-token", "errors"]
    assert any("last valid ones" in one and "window" in one for one in found.missing)


@pytest.mark.parametrize("how", ["one file", "folder", "yaml"])
def test_files_of_kubectl_are_read(kept: Kept, weeks: Weeks, tmp_path: Path, how: str) -> None:
    path = tmp_path / "kept.json"
    if how == "one file":
        path.write_text(json.dumps({"kind": "List", "items": kept}))
    elif how == "folder":
        for place, one in enumerate(kept):
            (tmp_path / f"{place}.json").write_text(json.dumps(one))
        path = tmp_path
    else:
        path = tmp_path / "kept.yaml"
        path.write_text("\n---\n".join(json.dumps(one) for one in kept))

    found = from_files(path, NAME, None)

    assert (found.namespace, found.uid) == (NAMESPACE, UID)
    assert found.state.cost == weeks.state.cost


def test_a_monitor_that_is_not_in_the_files_is_named_with_those_that_are(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"kind": "List", "items": kept}))

    with pytest.raises(NoReport, match=f"0 monitors other; in there: {NAMESPACE}/{NAME}"):
        from_files(path, "other", None)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(NoReport, match="neither JSON nor YAML"):
        from_files(tmp_path / "broken.json", NAME, None)
    with pytest.raises(NoReport, match="No such file"):
        from_files(tmp_path / "nowhere.json", NAME, None)
