"""The bench of versions: its streams are what it says, and its errors are counted as errors."""

import numpy as np
import pytest
from bench.version.procedures import PEERS, Said, before_after, others, ours, requests_as_units
from bench.version.streams import CELLS_A_DAY, LATE, MEASURES, Setting, draw
from bench.versions import MARGIN, Outcome, delays, errors, jobs, trial


def test_sticky_users_stay_with_one_version_and_others_meet_both() -> None:
    stream = draw(Setting(days=2), 1)
    sides = [frozenset(stream.user[stream.newer == side].tolist()) for side in (0, 1)]
    assert not sides[0] & sides[1]

    routed = draw(Setting(sticky=False), 1)

    assert set(routed.user[routed.newer == 0].tolist()) & set(routed.user[routed.newer == 1].tolist())


def test_an_effect_is_on_the_newer_version_alone_and_as_large_as_it_says() -> None:
    stream = draw(Setting(sticky=False, users=3_000, users_a_cell=60, worse=(0.2, 0.0, 0.0)), 2)
    shares = [
        [
            stream.bad[measure][stream.newer == side].sum() / stream.events[stream.newer == side].sum()
            for side in (0, 1)
        ]
        for measure in range(len(MEASURES))
    ]

    assert shares[0][1] - shares[0][0] == pytest.approx(0.2, abs=0.03)
    assert shares[1][0] == pytest.approx(LATE, abs=0.03)
    assert shares[1][1] == pytest.approx(LATE, abs=0.03)


def test_the_operator_gets_every_request_once() -> None:
    stream = draw(Setting(), 3)

    by_user, by_request = stream.sides(), requests_as_units(stream)

    total = sum(met.events[0] for cell in by_user for side in cell for met in side.values())
    assert total == stream.events.sum() == sum(len(side) for cell in by_request for side in cell)
    assert len(by_user) == stream.cells == CELLS_A_DAY
    assert np.all(stream.bad[0] <= stream.events)


def test_a_large_effect_is_found_by_all_and_blamed_on_the_newer_version() -> None:
    stream = draw(Setting(sticky=False, worse=(0.4, 0.0, 0.0)), 4)

    said, peers = ours(stream.sides(), MARGIN), others(stream)

    assert said.worse is not None
    assert said.better is None
    assert peers["z-test of failures"] is not None


def test_errors_are_what_was_said_of_versions_that_are_alike() -> None:
    nothing, wrong = Said(None, None, None), Said(None, 3, None)
    peers: dict[str, int | None] = dict.fromkeys(PEERS)
    found = [Outcome(nothing, peers, before_after=True)] * 99 + [Outcome(wrong, peers, before_after=False)]

    first, *_ = rows = errors("x", 0.0, found)

    assert first.ours == 0.01
    assert {row.peer_name: row.peer for row in rows}["z-test before/after"] == 0.99
    assert first.met == "indistinguishable"  # 0.054 is the upper bound
    (late,) = delays("x", 0.0, found)
    assert late.ours == 0.0


def test_a_trial_is_the_same_each_time() -> None:
    (job,) = jobs(Setting(users_a_cell=4), 0.0, 1, ablated=True)

    one, again = trial(job), trial(job)

    assert one == again
    assert before_after(draw(job.setting, job.seed)) is one.before_after
