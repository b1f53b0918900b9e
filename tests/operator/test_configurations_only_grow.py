from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_operator.generations import configuration_generation

SECONDS = st.integers(1_500_000_000, 8_000_000_000)
UIDS = st.uuids().map(str)
CHANGES_A_SECOND = 500_000
"""More than any API server takes."""


def numbered(created: int, generation: int, uid: str = "one") -> int:
    return configuration_generation(datetime.fromtimestamp(created, UTC), uid, generation)


@given(created=SECONDS, uid=UIDS, generation=st.integers(1, 10**9))
def test_a_later_spec_has_a_larger_number(created: int, uid: str, generation: int) -> None:
    assert numbered(created, generation, uid) < numbered(created, generation + 1, uid)


@given(created=SECONDS, later=st.integers(1, 1_000_000), uids=st.tuples(UIDS, UIDS))
def test_a_monitor_made_later_comes_after_every_spec_of_an_earlier_one(
    created: int, later: int, uids: tuple[str, str]
) -> None:
    earlier, newer = uids

    assert numbered(created, later * CHANGES_A_SECOND, earlier) < numbered(created + later, 1, newer)


def test_monitors_of_one_second_have_numbers_of_their_own() -> None:
    numbers = {numbered(1_800_000_000, 1, f"7c9e6679-7425-40de-944b-e07fc1f9{n:04x}") for n in range(20)}

    assert len(numbers) == 20


@given(created=SECONDS, uid=UIDS, generation=st.integers(1, 2**63 - 1))
def test_json_readers_take_it_exactly(created: int, uid: str, generation: int) -> None:
    assert numbered(created, generation, uid) < 2**53


def test_without_a_cluster_it_is_the_generation() -> None:
    assert configuration_generation(None, "", 3) == 3
