from __future__ import annotations

import msgspec
import pytest
from tests.operator.reconcile.operator_world import World
from tests.operator.reconcile.pushed import pushing

from llmmonitor_api.report.clients import Clients
from llmmonitor_api.signing.sealed import generate_sealing_key, unsealed
from llmmonitor_api.spec.privacy import ContentPolicy, Privacy, Review
from llmmonitor_operator.reconcile.sidecars.day_key import DAY_SECONDS, DayKey, day_key
from llmmonitor_operator.versions.history import History, Version

DAY = DayKey("X-User", "day-1", b"k" * 32, 0.0)
PRIVACY = Privacy(client_header="X-User")
TWO = History(
    versions=tuple(Version(name, {}, at, at) for at, name in enumerate("ab")), running={"1": "a", "2": "b"}
)
ONE = msgspec.structs.replace(TWO, running={"2": "b"})


async def test_a_sidecar_is_told_once_so_that_it_alone_can_read_it_and_when_it_is_over(
    world: World,
) -> None:
    sealing_key = generate_sealing_key()
    public = sealing_key.public_key().public_bytes_raw()
    async with pushing(world) as one:

        async def pushed(key_id: str) -> int:
            return await one.taken(clients=Clients(public, key_id))

        await pushed("")
        one.memory.day_key = DAY
        assert await pushed("") == 1
        told = one.double.configuration.clients
        assert told is not None
        assert (told.header, told.key_id) == ("X-User", "day-1")
        assert DAY.secret not in told.sealed_key
        assert unsealed(told.sealed_key, sealing_key, one.uid) == DAY.secret
        assert await pushed("day-1") == 0
        one.memory.day_key = None
        assert await pushed("day-1") == 1
        assert one.double.configuration.clients is None


def test_there_is_a_key_only_while_versions_run_side_by_side_and_for_a_day() -> None:
    made = day_key(None, PRIVACY, TWO, 1000.0)

    assert made is not None
    assert day_key(made, PRIVACY, TWO, 1000.0 + DAY_SECONDS - 1) is made
    renewed = day_key(made, PRIVACY, TWO, 1000.0 + DAY_SECONDS)
    assert renewed is not None
    assert renewed.secret != made.secret
    assert renewed.id != made.id
    assert repr(made.secret) not in repr(made)


def test_a_review_needs_one_too() -> None:
    reviewed = Privacy(client_header="X-User", content=ContentPolicy.REDACTED, review=Review())

    assert day_key(None, reviewed, ONE, 1000.0) is not None


@pytest.mark.parametrize(("privacy", "history"), [(Privacy(), TWO), (PRIVACY, ONE), (PRIVACY, History())])
def test_without_a_header_or_a_second_version_there_is_none(privacy: Privacy, history: History) -> None:
    assert day_key(DAY, privacy, history, 1.0) is None
