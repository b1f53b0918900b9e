from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, connected, refused

from llmmonitor_operator.kube import api, paths
from llmmonitor_operator.kube.api import Kube, Patch
from llmmonitor_operator.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unavailable,
)

MAPS = paths.config_maps("prod")
CHAT = paths.config_map("prod", "chat")


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_what_is_written_is_read_with_fields_that_nobody_knows(kube: Kube) -> None:
    made = await kube.create(MAPS, config_map("chat", a="1") | {"ofTomorrow": {"x": [1, None]}})

    assert await kube.get(CHAT) == made
    assert made["ofTomorrow"] == {"x": [1, None]}


async def test_a_list_is_read_to_its_last_page(kube: Kube, server: KubeServer) -> None:
    names = [f"map-{number:04}" for number in range(2 * api.PAGE + 1)]
    for name in names:
        server.put(MAPS, config_map(name))

    listing = await kube.list(MAPS)

    assert [one["metadata"]["name"] for one in listing.items] == names
    assert listing.resource_version == str(server.version)
    assert len(server.asked) == 3


async def test_a_list_whose_next_page_is_too_old_says_so(kube: Kube, server: KubeServer) -> None:
    for number in range(api.PAGE + 1):
        server.put(MAPS, config_map(f"map-{number}"))

    async def compacted(request: web.Request) -> None:
        if "continue" in request.query:
            server.forget_history()

    server.fault = compacted

    with pytest.raises(Gone):
        await kube.list(MAPS)


async def test_a_list_is_of_what_was_selected(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, {"metadata": {"name": "a", "labels": {"app": "chat"}}})
    server.put(MAPS, {"metadata": {"name": "b", "labels": {"app": "other"}}})
    server.put(paths.config_maps("test"), {"metadata": {"name": "c", "labels": {"app": "chat"}}})

    here = await kube.list(MAPS, label_selector="app=chat")
    everywhere = await kube.list(paths.config_maps(""), label_selector="app=chat")

    assert [one["metadata"]["name"] for one in here.items] == ["a"]
    assert [one["metadata"]["name"] for one in everywhere.items] == ["a", "c"]


async def test_a_list_may_leave_out_what_the_objects_hold(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("chat", a="1"))

    listing = await kube.list_metadata(MAPS)

    assert listing.items == [{"metadata": server.at(CHAT)["metadata"]}]


async def test_who_wrote_which_field_is_not_read_of_metadata(kube: Kube, server: KubeServer) -> None:
    metadata = {"name": "chat", "labels": {"app": "chat"}, "annotations": {"a/b": "1"}, "generation": 3}
    server.put(MAPS, {"metadata": {**metadata, "managedFields": [{"manager": "us"}]}})

    (one,) = (await kube.list_metadata(MAPS)).items

    there = server.at(CHAT)["metadata"]
    assert one["metadata"] == {name: there[name] for name in there if name != "managedFields"}
    assert set(one["metadata"]) >= {"name", "labels", "annotations", "generation", "resourceVersion"}


async def test_the_answer_to_a_write_may_leave_out_what_the_object_holds(
    kube: Kube, server: KubeServer
) -> None:
    made = await kube.create(MAPS, config_map("chat", a="1"), metadata_only=True)
    written_at = [made["metadata"]["resourceVersion"]]
    put = await kube.replace(CHAT, config_map("chat", a="2"), metadata_only=True)
    written_at.append(put["metadata"]["resourceVersion"])
    changed = await kube.patch(CHAT, {"data": {"a": "3"}}, metadata_only=True)

    assert [set(one) for one in (made, put, changed)] == [{"metadata"}] * 3
    assert changed["metadata"]["resourceVersion"] == server.at(CHAT)["metadata"]["resourceVersion"]
    assert len({*written_at, changed["metadata"]["resourceVersion"]}) == 3
    assert server.at(CHAT)["data"] == {"a": "3"}


async def test_a_server_that_gives_the_whole_object_anyway_is_understood(
    kube: Kube, server: KubeServer
) -> None:
    server.put(MAPS, config_map("chat", a="1"))

    async def whole(_: web.Request) -> web.Response:
        return web.json_response(server.at(CHAT) | {"data": {"a": "2"}})

    server.fault = whole

    assert set(await kube.patch(CHAT, {"data": {"a": "2"}}, metadata_only=True)) == {"metadata"}


async def test_metadata_that_is_none_is_no_answer(kube: Kube, server: KubeServer) -> None:
    async def garbage(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": 7}})

    server.fault = garbage

    with pytest.raises(Unavailable, match="name"):
        await kube.patch(CHAT, {"data": {"a": "2"}}, metadata_only=True)


async def test_of_two_writers_the_second_is_told(kube: Kube, server: KubeServer) -> None:
    read = await kube.create(MAPS, config_map("chat", a="1"))
    server.put(MAPS, config_map("chat", a="2"))

    with pytest.raises(Conflict, match="has been modified"):
        await kube.replace(CHAT, {**read, "data": {"a": "3"}})

    assert server.at(CHAT)["data"] == {"a": "2"}


async def test_patches_change_what_they_name(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("chat", a="1", b="2"))

    await kube.patch(CHAT, {"data": {"a": None, "c": "3"}}, Patch.MERGE)
    await kube.patch(CHAT, [{"op": "replace", "path": "/data/b", "value": "4"}], Patch.JSON)

    assert server.at(CHAT)["data"] == {"b": "4", "c": "3"}


async def test_a_patch_whose_test_fails_changes_nothing(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("chat", a="1"))
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": "another"},
        {"op": "add", "path": "/data/a", "value": "2"},
    ]

    with pytest.raises(Invalid):
        await kube.patch(CHAT, operations, Patch.JSON)

    assert server.at(CHAT)["data"] == {"a": "1"}


async def test_a_dry_run_answers_and_changes_nothing(kube: Kube, server: KubeServer) -> None:
    made = await kube.create(MAPS, config_map("chat"), dry_run=True)
    server.put(MAPS, config_map("other", a="1"))
    patched = await kube.patch(paths.config_map("prod", "other"), {"data": {"a": "2"}}, dry_run=True)

    assert made["metadata"]["name"] == "chat"
    assert patched["data"] == {"a": "2"}
    assert not server.has(CHAT)
    assert server.at(paths.config_map("prod", "other"))["data"] == {"a": "1"}


async def test_what_is_deleted_is_not_found(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("chat"))

    await kube.delete(CHAT)

    with pytest.raises(NotFound, match='"chat" not found'):
        await kube.get(CHAT)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Invalid),
        (401, ApiError),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (429, TooManyRequests),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
async def test_refusals_are_told_apart_and_keep_the_servers_words(
    kube: Kube, server: KubeServer, code: int, kind: type[ApiError]
) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return refused(Refusal(code, "in its own words", "ItsReason"))

    server.fault = refuse

    with pytest.raises(ApiError) as caught:
        await kube.create(MAPS, config_map("chat"))

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (code, "ItsReason")
    assert caught.value.message == "in its own words"


async def test_who_asks_to_slow_down_says_for_how_long(kube: Kube, server: KubeServer) -> None:
    answers = [{"Retry-After": "7"}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}]

    async def busy(_request: web.Request) -> web.Response:
        return refused(Refusal(429, "slowly"), **answers.pop(0))

    server.fault = busy
    waits = []
    for _ in range(3):
        with pytest.raises(TooManyRequests) as caught:
            await kube.get(CHAT)
        waits.append(caught.value.retry_after_seconds)

    assert waits == [7.0, 1.0, 1.0]


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", '"a string"', "[]"])
async def test_an_answer_of_something_in_between_is_an_error_all_the_same(
    kube: Kube, server: KubeServer, body: str
) -> None:
    async def gateway(_request: web.Request) -> web.Response:
        return web.Response(status=502, text=body)

    server.fault = gateway

    with pytest.raises(Unavailable) as caught:
        await kube.get(CHAT)

    assert caught.value.message == body


async def test_an_answer_that_is_no_json_is_no_answer(kube: Kube, server: KubeServer) -> None:
    async def garbage(_request: web.Request) -> web.Response:
        return web.Response(text="<html>log in first</html>")

    server.fault = garbage

    with pytest.raises(Unavailable, match="GET /api/v1/namespaces/prod/configmaps/chat"):
        await kube.get(CHAT)


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with connected("http://127.0.0.1:1") as kube:
        with pytest.raises(Unavailable, match="GET /api"):
            await kube.get(CHAT)


async def test_a_server_that_does_not_answer_is_given_up(server: KubeServer) -> None:
    async def hang(_request: web.Request) -> None:
        await asyncio.Event().wait()

    server.fault = hang

    async with connected(server.url, call_seconds=0.05) as hasty:
        with pytest.raises(Unavailable, match="TimeoutError"):
            await hasty.get(CHAT)


async def test_a_watch_tells_changes_since_a_version_until_it_ends(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("before"))
    version = str(server.version)
    server.put(MAPS, config_map("chat"))
    server.put(paths.config_maps("test"), config_map("elsewhere"))
    server.remove(CHAT)
    server.bookmark()
    told = []

    async for kind, thing in kube.watch(MAPS, version):
        told.append((kind, thing["metadata"].get("name")))
        if kind == "BOOKMARK":
            server.end_watches()

    assert told == [("ADDED", "chat"), ("DELETED", "chat"), ("BOOKMARK", None)]


async def test_a_watch_from_a_forgotten_version_is_gone(kube: Kube, server: KubeServer) -> None:
    server.put(MAPS, config_map("chat"))
    version = str(server.version)
    server.forget_history()

    with pytest.raises(Gone, match="too old resource version"):
        async for _ in kube.watch(MAPS, version):
            pass


async def test_a_watch_whose_connection_dies_is_unavailable(kube: Kube, server: KubeServer) -> None:
    version = str(server.version)
    server.put(MAPS, config_map("chat"))

    async def until_broken() -> None:
        async for _ in kube.watch(MAPS, version):
            server.break_watches()

    with pytest.raises(Unavailable, match=f"watch {MAPS}"):
        await until_broken()
