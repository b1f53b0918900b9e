"""The Lease's age by our own clock: clocks of other nodes decide nothing but the first sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmmonitor_operator.webhook.operator_alive import OperatorAlive

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def lease(renewed: datetime | str, holder: str = "operator-1") -> dict[str, object]:
    at = renewed if isinstance(renewed, str) else renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"spec": {"holderIdentity": holder, "renewTime": at}}


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (59, True), (61, False), (-3600, True)])
def test_the_first_sight_is_judged_by_what_it_says(age: int, fresh: bool) -> None:  # noqa: FBT001 - a column
    alive = OperatorAlive()

    alive.saw(lease(NOW - timedelta(seconds=age)), NOW, 1000.0)

    assert alive.fresh(1000.0) is fresh


def test_a_renewal_is_as_old_as_the_time_since_we_saw_it() -> None:
    alive = OperatorAlive()
    skewed = NOW - timedelta(hours=2)  # that node's clock
    alive.saw(lease(skewed), NOW, 1000.0)
    assert not alive.fresh(1000.0)

    alive.saw(lease(skewed + timedelta(seconds=10)), NOW, 1010.0)

    assert alive.fresh(1070.0)
    assert not alive.fresh(1070.1)


def test_the_same_renewal_seen_again_is_no_younger() -> None:
    alive = OperatorAlive()
    alive.saw(lease(NOW), NOW, 1000.0)

    alive.saw(lease(NOW), NOW + timedelta(seconds=55), 1055.0)

    assert not alive.fresh(1061.0)


def test_a_lease_that_was_given_back_is_nobodys_renewal() -> None:
    alive = OperatorAlive()
    alive.saw(lease(NOW), NOW, 1000.0)

    alive.saw(lease(NOW + timedelta(seconds=50), holder=""), NOW, 1050.0)

    assert not alive.fresh(1061.0)


@pytest.mark.parametrize("thing", [{}, {"spec": None}, {"spec": {}}, lease("garbage"), lease("")])
def test_nothing_readable_is_not_alive(thing: dict[str, object]) -> None:
    alive = OperatorAlive()

    alive.saw(thing, NOW, 1000.0)

    assert not alive.fresh(1000.0)
