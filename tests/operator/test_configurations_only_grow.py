from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_operator.generations import configuration_generation

SECONDS = st.integers(1_500_000_000, 8_000_000_000)


def numbered(created: int, generation: int) -> int:
    return configuration_generation(datetime.fromtimestamp(created, UTC), generation)


@given(created=SECONDS, generation=st.integers(1, 1_000_000))
def test_a_later_spec_has_a_larger_number(created: int, generation: int) -> None:
    assert numbered(created, generation) < numbered(created, generation + 1)


@given(created=SECONDS, later=st.integers(1, 1_000_000), generation=st.integers(1, 10**9))
def test_a_monitor_made_later_comes_after_every_spec_of_an_earlier_one(
    created: int, later: int, generation: int
) -> None:
    assert numbered(created, generation) < numbered(created + later, 1)


@given(created=SECONDS, generation=st.integers(1, 10**9))
def test_json_readers_take_it_exactly(created: int, generation: int) -> None:
    assert numbered(created, generation) < 2**53


def test_without_a_cluster_it_is_the_generation() -> None:
    assert configuration_generation(None, 3) == 3
