"""A person's word on the Secret, and what follows in it, in the operator and in sidecars' endpoints."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS, SIGNING, World, until
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.signing import key_id, private_key_to_pem
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.keys.rotation import OVERLAP_SECONDS
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys
from llmmonitor_operator.reconcile.key_pass import LIST_EVERY_SECONDS, KeyPass
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.shards import Shard

SECRET = paths.secret("llm-monitor", "llm-monitor-signing-key")
OLD = key_id(SIGNING)
START = 1_800_000_000.0


class Keys:
    """The look after the keys, on a clock of its own."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, START
        self.kept = SigningKeys(world.parts.kube, "llm-monitor", "llm-monitor")
        self.key_pass = KeyPass(world.parts, self.kept, lambda: self.now)
        data = {"ed25519.pem": base64.b64encode(private_key_to_pem(SIGNING)).decode(), "theirs": "eA=="}
        metadata = {"name": "llm-monitor-signing-key", "namespace": "llm-monitor"}
        world.server.put(paths.secrets("llm-monitor"), {"metadata": metadata, "data": data})

    @property
    def used(self) -> Keyring:
        return self.world.parts.sidecars.keys

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.world.server.at(SECRET)["metadata"].get("annotations") or {}
        return found

    def say(self, word: str) -> None:
        secret = self.world.server.at(SECRET)
        metadata = {**secret["metadata"], "annotations": {**self.annotations, "llmmonitor.io/rotate": word}}
        self.world.server.put(paths.secrets("llm-monitor"), {**secret, "metadata": metadata})

    async def look(self, after: float = 20.0) -> Keyring:
        self.now += after
        await self.key_pass.look()
        return self.used


@pytest.fixture
def keys(world: World) -> Keys:
    return Keys(world)


@asynccontextmanager
async def attached(world: World) -> AsyncIterator[SidecarDouble]:
    """The pod has a sidecar that believes the key of before, and has reported."""
    async with world.attached() as double:
        await world.passed()
        yield double


async def test_a_running_sidecar_learns_the_next_key_and_then_forgets_the_old(
    world: World, keys: Keys
) -> None:
    async with attached(world) as double:
        assert tuple(double.keys) == (OLD,)

        keys.say("now")
        begun = await keys.look()
        assert begun.next is not None
        assert "llmmonitor.io/rotate" not in keys.annotations
        await keys.look(OVERLAP_SECONDS)
        assert keys.annotations["llmmonitor.io/rotation"].endswith("waiting for 1 sidecar: prod/chat-a")

        await world.passed()
        assert set(double.keys) == {OLD, begun.next.id}
        await world.passed()
        done = await keys.look()
        assert (done.current, done.next) == (begun.next, None)
        for _ in range(2):
            await world.passed()

        assert tuple(double.keys) == (done.current.id,)
        assert world.parts.sidecars.trust.of(double.pod_uid) == (done.current.id,)
        assert world.server.at(SECRET)["data"]["theirs"] == "eA=="


async def test_new_sidecars_get_both_keys_during_the_overlap_and_one_after_it(
    world: World, keys: Keys
) -> None:
    keys.say("now")
    await keys.look()
    overlap = world.parts.keeper.common.keys
    published = world.server.at(paths.config_map("llm-monitor", "llm-monitor-verdicts"))["data"]["_common"]
    keys.say("finish")
    done = await keys.look()

    assert overlap[1:] == (done.current.public,)
    assert base64.b64encode(done.current.public).decode() in published
    assert world.parts.keeper.common.keys == (done.current.public,)


async def test_a_container_that_starts_anew_is_spoken_to_with_the_key_it_begins_with(
    world: World, keys: Keys
) -> None:
    async with attached(world) as double:
        keys.say("now")
        await keys.look()
        for _ in range(2):
            await world.passed()
        keys.say("finish")
        done = await keys.look()
        for _ in range(2):
            await world.passed()
        assert tuple(double.keys) == (done.current.id,)

        double.starts_anew()
        assert tuple(double.keys) == (OLD,)
        conditions = await world.passed()

        assert conditions["Reporting"]["status"] == "True"
        assert tuple(double.keys) == (done.current.id,)
        await keys.look(LIST_EVERY_SECONDS)
        assert [one.key.id for one in keys.used.old] == [OLD]  # its environment never changes
        world.server.remove(f"{PODS}/chat-a")
        await until(lambda: not world.parts.view.pods(KEY[0]))
        assert (await keys.look(LIST_EVERY_SECONDS)).old == ()


async def test_a_sidecar_of_before_is_waited_for_and_spoken_to_all_the_same(world: World, keys: Keys) -> None:
    async with attached(world) as double:
        double.says_whom_it_believes = False
        keys.say("now")
        for _ in range(2):
            await keys.look(OVERLAP_SECONDS)
            await world.passed()
        assert keys.used.next is not None
        keys.say("finish")
        await keys.look()

        conditions = await world.passed()

        assert conditions["Reporting"]["status"] == "True"
        assert tuple(double.keys) == (OLD,)


async def test_who_is_out_of_reach_is_not_waited_for(world: World, keys: Keys) -> None:
    async with attached(world):
        pass
    keys.say("now")
    await keys.look()
    await world.passed()

    assert (await keys.look(OVERLAP_SECONDS)).next is None


async def test_revoked_a_sidecar_believes_nothing_of_ours_and_is_attached_anew_once(
    world: World, keys: Keys
) -> None:
    async with attached(world) as double:
        await world.parts.keeper.prove("prod", START)
        keys.say("revoke")
        revoked = await keys.look()
        await world.passed()

        assert tuple(double.keys) == (OLD,)
        assert revoked.newest_first == (revoked.current,)
        assert revoked.current.id != OLD
        assert world.server.at(f"{MONITORS}/chat")["status"]["pods"]["outdated"] == 1
        pod = world.server.at(f"{PODS}/chat-a")
        [successor] = [one for one in pod["spec"]["ephemeralContainers"] if one["name"] == "llm-monitor-2"]
        told = {one["name"]: one["value"] for one in successor["env"]}
        assert told["LLM_MONITOR_PUBLIC_KEY"] == base64.b64encode(revoked.current.public).decode()

        runs = {"running": {"startedAt": "2026-01-05T12:00:00Z"}}
        statuses = [{"name": one["name"], "state": runs} for one in pod["spec"]["ephemeralContainers"]]
        world.server.put(PODS, {**pod, "status": {**pod["status"], "ephemeralContainerStatuses": statuses}})
        await world.settled()
        for _ in range(2):
            await world.passed()
            world.one_pass = MonitorPass(world.parts)  # the next leader does not know who is at work
        await world.passed()
        [memory] = world.one_pass._memories.values()
        assert "its successor" in next(
            one.message for one in memory.state.conditions if one.type == "Injected"
        )
        assert len(world.server.at(f"{PODS}/chat-a")["spec"]["ephemeralContainers"]) == 2

        double.believe({revoked.current.id: revoked.current.private.public_key()})  # it has the port now
        await world.passed()
        assert (await world.passed())["Injected"]["status"] == "True"


async def test_pods_that_may_not_be_read_keep_old_keys_and_no_word_from_being_heard(
    server: KubeServer, keys: Keys
) -> None:
    for word in ("now", "finish"):
        keys.say(word)
        await keys.look()

    async def forbidden(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(403, "no", "Forbidden")) if request.path == "/api/v1/pods" else None

    server.fault = forbidden
    keys.say("now")
    begun = await keys.look(LIST_EVERY_SECONDS)
    assert begun.next is not None
    assert [one.key.id for one in begun.old] == [OLD]

    server.fault = None
    assert (await keys.look(LIST_EVERY_SECONDS)).old == ()


@pytest.mark.parametrize("word", ["now", "finish", "revoke"])
@pytest.mark.parametrize("kept", [False, True])
async def test_an_operator_that_dies_in_a_step_leaves_what_the_next_one_goes_on_from(
    keys: Keys, server: KubeServer, word: str, *, kept: bool
) -> None:
    if word == "finish":
        keys.say("now")
        await keys.look()
    keys.say(word)
    used = keys.used

    async def lost(request: web.Request) -> web.StreamResponse | None:
        """The write fails, or is done and its answer is lost."""
        if request.method != "PUT" or "secrets" not in request.path:
            return None
        if kept:
            body = await request.json()
            server.put(paths.secrets("llm-monitor"), body)
        return web.Response(status=500)

    server.fault = lost
    with pytest.raises(ApiError):
        await keys.look()
    assert keys.used == used  # what is not known to be kept is not used
    server.fault = None

    successor = await keys.kept.load()
    same = await keys.look()

    assert (successor == same) is kept
    assert same != used
    assert "llmmonitor.io/rotate" not in keys.annotations
    assert await keys.kept.load() == same


async def test_of_two_that_take_a_step_at_once_one_does(keys: Keys, server: KubeServer) -> None:
    keys.say("now")
    theirs = SigningKey.new()

    async def faster(request: web.Request) -> None:
        if request.method == "PUT" and "secrets" in request.path:
            server.fault = None
            secret = server.at(SECRET)
            pem = base64.b64encode(private_key_to_pem(theirs.private)).decode()
            server.put(
                paths.secrets("llm-monitor"), {**secret, "data": {**secret["data"], "ed25519-next.pem": pem}}
            )

    server.fault = faster
    assert (await keys.look()).next is None

    assert (await keys.look()).next == theirs


async def test_the_first_shard_waits_for_the_sidecars_of_the_others(world: World, keys: Keys) -> None:
    async with attached(world):
        keys.kept = SigningKeys(world.parts.kube, "llm-monitor", "llm-monitor", shards=2)
        first = KeyPass(world.parts, keys.kept, lambda: keys.now)
        keys.say("now")
        await first.look()
        for _ in range(2):
            await world.passed()  # its own believe the next key now
        keys.now += OVERLAP_SECONDS
        await first.look()
        assert keys.used.next is not None
        assert keys.annotations["llmmonitor.io/rotation"].endswith("waiting for 1 sidecar: those of shard 1")
        begun = keys.used

        not_yet = await keys.kept.follow(begun, Shard(1, 2), lambda _keys: ["test/chat-b"])
        assert not_yet == begun
        await first.look()
        assert keys.used.next is not None
        await keys.kept.follow(begun, Shard(1, 2), lambda _keys: [])
        await first.look()

    assert keys.used.next is None
    assert not any("shard" in name for name in keys.annotations)
    assert await keys.kept.follow(begun, Shard(1, 2), lambda _keys: []) == await keys.kept.load()
