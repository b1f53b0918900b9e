"""What clients met becomes differences, and differences a verdict that holds whenever one looks."""

import random

import pytest

from llmmonitor_operator.versions.comparison import (
    ERROR_RATE,
    Comparison,
    Finding,
    Minutes,
    advanced,
    bounds,
    findings,
    overall,
)
from llmmonitor_operator.versions.matching import Met, differences
from llmmonitor_operator.versions.sequence import Evidence, interval, is_above, is_below, observed

MARGIN = 0.05


def met(bad: int, events: int = 4, stratum: int = 0) -> Met:
    return Met(stratum, (events,), (bad,))


def test_a_client_of_both_versions_is_compared_with_itself_and_others_within_their_stratum() -> None:
    older = {"both": met(1), "a": met(2), "b": met(4), "long": met(0, stratum=3)}
    newer = {"both": met(3), "c": met(1), "elsewhere": met(4, stratum=1)}

    found = differences(older, newer, 0)

    assert found == [3 / 4 - 1 / 4, 1 / 4 - (2 / 4 + 4 / 4) / 2]


def test_every_client_of_the_larger_side_is_matched_once() -> None:
    older = {str(number): met(number % 2, 1) for number in range(7)}
    newer = {"x": met(0, 1), "y": met(0, 1)}

    found = differences(older, newer, 0)

    assert len(found) == 2
    assert found[0] + found[1] == pytest.approx(-(1 / 3 + 2 / 4))


def test_what_has_no_counterpart_or_no_event_is_left_out() -> None:
    assert differences({"a": met(1)}, {}, 0) == []
    assert differences({"a": met(0, 0)}, {"b": met(1)}, 0) == []
    assert differences({"a": met(1, stratum=1)}, {"a": met(1, stratum=2)}, 0) == []


def test_zero_is_seldom_excluded_at_any_time_where_a_test_that_is_looked_at_often_excludes_it() -> None:
    chance, excluded, by_test = random.Random(7), 0, 0
    for _ in range(200):
        evidence, squares, ever, ever_by_test = Evidence(), 0.0, False, False
        for number in range(1, 300):
            difference = chance.random() ** 4 - chance.random() ** 4
            evidence, squares = observed(evidence, difference), squares + difference**2
            if number % 5 == 0:
                ever |= is_above(evidence, 0.0, 0.1) or is_below(evidence, 0.0, 0.1)
                ever_by_test |= abs(evidence.total) > 1.282 * squares**0.5  # p < .2
        excluded, by_test = excluded + ever, by_test + ever_by_test

    assert excluded <= 0.2 * 200 < 0.5 * 200 < by_test


def test_interval_and_claims_agree() -> None:
    chance, evidence = random.Random(3), Evidence()
    assert interval(evidence, 0.01) == (-1.0, 1.0)
    for _ in range(3_000):
        evidence = observed(evidence, (chance.random() < 0.2) - (chance.random() < 0.1))

    low, high = interval(evidence, 0.01)

    assert low < evidence.mean < high
    assert high - low < 0.12
    assert is_above(evidence, low - 1e-6, 0.005)
    assert not is_above(evidence, low + 1e-6, 0.005)
    assert is_below(evidence, high + 1e-6, 0.005)
    assert not is_below(evidence, high - 1e-6, 0.005)


def test_a_difference_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        observed(Evidence(), 1.5)


def run(cells: int, older: float, newer: float, *, sticky: bool, clients: int = 40) -> Comparison:
    """Each of `clients` sends four requests in every cell."""
    chance = random.Random(1)
    comparison = Comparison("old", "new", ("errors",))
    for cell in range(1, cells + 1):
        sides: tuple[dict[str, Met], dict[str, Met]] = ({}, {})
        for client in range(clients):
            for side, share in enumerate((older, newer)):
                name = f"{side}-{client}" if sticky else str(client)
                sides[side][name] = met(sum(chance.random() < share for _ in range(4)))
        comparison = advanced(comparison, Minutes(cell, "key", *sides), MARGIN)
    return comparison


def test_a_version_that_fails_more_is_worse_and_one_that_fails_less_is_better() -> None:
    worse, better = run(20, 0.02, 0.3, sticky=False), run(20, 0.3, 0.02, sticky=False)

    assert overall(worse) is Finding.WORSE
    assert overall(better) is Finding.BETTER
    evidence, low, high = bounds(worse, 0)
    assert MARGIN < low < 0.28 < high
    assert evidence.n == 20 * 40


def test_versions_are_alike_only_when_the_interval_lies_within_the_margin() -> None:
    assert overall(run(3, 0.02, 0.02, sticky=False)) is Finding.OPEN
    assert overall(run(60, 0.02, 0.02, sticky=False)) is Finding.ALIKE


def test_a_client_that_stays_with_its_version_counts_once_however_often_it_asks() -> None:
    sticky = run(60, 0.0, 1.0, sticky=True, clients=5)

    assert sticky.evidence[0].n == 5
    assert overall(sticky) is Finding.OPEN


def test_minutes_that_are_in_add_nothing() -> None:
    once = advanced(Comparison("a", "b", ("m",)), Minutes(7, "k", {"x": met(0)}, {"x": met(1)}), MARGIN)

    again = advanced(once, Minutes(7, "k", {"y": met(0)}, {"y": met(1)}), MARGIN)

    assert again is once


def test_a_new_key_begins_anew_with_a_smaller_share_of_the_error_rate_and_keeps_what_was_found() -> None:
    first = run(20, 0.02, 0.3, sticky=False)

    second = advanced(first, Minutes(21, "next", {"x": met(0)}, {"x": met(0)}), MARGIN)

    assert second.evidence[0].n == 1
    assert overall(second) is Finding.WORSE
    assert bounds(second, 0) == bounds(first, 0)
    shares = [ERROR_RATE / (day * (day + 1)) for day in range(1, 10_000)]
    assert sum(shares) <= ERROR_RATE


def test_a_measure_without_events_keeps_nothing_from_being_said_of_the_others() -> None:
    chance = random.Random(5)
    comparison = Comparison("old", "new", ("errors", "first token"))
    for cell in range(1, 60):
        sides = [
            {str(client): Met(0, (9, 0), (chance.random() < 0.02, 0)) for client in range(40)} for _ in "ab"
        ]
        comparison = advanced(comparison, Minutes(cell, "key", sides[0], sides[1]), MARGIN)

    assert findings(comparison) == (Finding.ALIKE, None)
    assert overall(comparison) is Finding.ALIKE
