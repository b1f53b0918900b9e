from __future__ import annotations

import random

import msgspec
import pytest
from tests.operator.full_state import full_history, full_quality, full_review, full_state

from llmmonitor_operator.figures import Figures
from llmmonitor_operator.packed_figures import written_out
from llmmonitor_operator.packed_parts import PackedParts
from llmmonitor_operator.packing import pack
from llmmonitor_operator.state import State


@pytest.fixture(scope="module")
def state() -> State:
    """With every part at its largest."""
    rng = random.Random(2)
    return msgspec.structs.replace(
        full_state(objectives=3, replicas=3),
        versions=full_history(rng, replicas=3),
        quality=full_quality(rng),
        review=full_review(rng),
    )


def whole(state: State) -> bytes:
    return msgspec.msgpack.encode(pack(state, written_out))


def test_packed_by_parts_a_state_is_the_same_bytes(state: State) -> None:
    for given in (state, State()):
        assert msgspec.msgpack.encode(PackedParts().of(given)) == whole(given)


def test_what_is_left_is_not_packed_again_and_what_is_changed_is(state: State) -> None:
    packed = PackedParts()
    before = packed.of(state)
    fewer = msgspec.structs.replace(state, pods={}, counts=({}, *state.counts[1:]))

    after = packed.of(fewer)

    assert msgspec.msgpack.encode(after) == whole(fewer)
    assert after["figures"][0] is before["figures"][0]  # type: ignore[index]  # a list, as tiers are
    assert after["counts"][1] is before["counts"][1]  # type: ignore[index]
    assert after["versions"] is before["versions"]


def test_cells_keep_their_bytes_until_something_is_added_to_them(state: State) -> None:
    tier = dict(state.figures[1])
    first, *_, last = tier
    msgspec.msgpack.encode(PackedParts().of(state))
    kept = tier[first].in_checkpoint

    tier[last] = tier[last].plus(Figures(begun=7, outcomes={"ok": 7}))
    later = msgspec.structs.replace(state, figures=(state.figures[0], tier, state.figures[2]))

    assert kept
    assert msgspec.msgpack.encode(PackedParts().of(later)) == whole(later)
    assert tier[first].in_checkpoint is kept
    assert not tier[last].in_checkpoint  # more will be added
