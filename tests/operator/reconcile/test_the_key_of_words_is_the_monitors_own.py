from __future__ import annotations

import pytest
from tests.operator.reconcile.operator_world import World
from tests.operator.reconcile.pushed import pushing

from llmmonitor_api.report.clients import Clients
from llmmonitor_api.signing.sealed import generate_sealing_key, unsealed
from llmmonitor_api.spec.drift import Drift
from llmmonitor_operator.reconcile.sidecars.vocabulary_key import vocabulary_key

ROOT = b"r" * 32
WITHOUT = Drift.model_validate({"features": ["Turns"]})


def test_it_is_the_same_after_a_restart_and_another_one_for_every_monitor_and_release() -> None:
    one, again = vocabulary_key(ROOT, "uid-1", Drift()), vocabulary_key(ROOT, "uid-1", Drift())
    others = [vocabulary_key(ROOT, "uid-2", Drift()), vocabulary_key(b"s" * 32, "uid-1", Drift())]

    assert one is not None
    assert one == again
    assert len({one.secret, *(other.secret for other in others if other)}) == 3
    assert len({one.id, *(other.id for other in others if other)}) == 3


def test_nothing_that_is_shown_says_what_it_is() -> None:
    key = vocabulary_key(ROOT, "uid-1", Drift())

    assert key is not None
    assert repr(key.secret) not in repr(key)
    assert key.id not in key.secret.hex()


@pytest.mark.parametrize(("root", "drift"), [(b"", Drift()), (ROOT, WITHOUT)])
def test_there_is_none_where_words_are_not_compared_or_nothing_is_kept_to_make_it_of(
    root: bytes, drift: Drift
) -> None:
    assert vocabulary_key(root, "uid-1", drift) is None


async def test_a_sidecar_is_told_until_it_says_that_it_has_it_and_nobody_else_can_read_it(
    world: World,
) -> None:
    sealing_key = generate_sealing_key()
    public = sealing_key.public_key().public_bytes_raw()
    async with pushing(world) as one:

        async def pushed(says: str | None) -> int:
            return await one.taken(clients=Clients(public), vocabulary_key=says)

        await pushed("")
        key = one.memory.vocabulary_key = vocabulary_key(ROOT, "uid-1", Drift())
        assert key is not None
        assert await pushed("") == 1
        told = one.double.configuration.vocabulary
        assert told is not None
        assert told.key_id == key.id
        assert key.secret not in told.sealed_key
        assert unsealed(told.sealed_key, sealing_key, one.uid) == key.secret
        assert await pushed(key.id) == 0
        assert await pushed("another") == 1
        assert await pushed(None) == 0  # a version that counts no words is told nothing about them for ever
