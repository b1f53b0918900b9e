"""A reader that says which report it has gets what came since, and adds it to what it has."""

from __future__ import annotations

import msgspec
from hypothesis import given
from tests.api import full_report
from tests.api.test_reports_merge_in_any_order import totals

from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.merge import add
from llmmonitor_api.report.report import Report, decode, encode
from llmmonitor_api.report.requests import RequestCounts
from llmmonitor_api.report.told import NONE_YET, REMEMBERED_BYTES_LIMIT, Told, named
from llmmonitor_api.report.totals import SERIES_LIMIT, Totals, TrafficSeries


def _report(sequence: int, counted: Totals, boot: str = "b") -> Report:
    whole = full_report.report(counted)
    identity = msgspec.structs.replace(whole.identity, sequence=sequence, boot_id=boot)
    return msgspec.structs.replace(whole, identity=identity)


def _begun(number: int) -> Totals:
    return Totals(begun=number)


@given(totals(), totals(), totals())
def test_differences_add_up_to_what_is_told_whole(first: Totals, then: Totals, last: Totals) -> None:
    told = Told()
    second = add(first, then)
    third = add(second, last)

    found = told.since(_report(1, first), NONE_YET).totals
    for sequence, now in ((2, second), (3, third)):
        answer = decode(encode(told.since(_report(sequence, now), named("b", sequence - 1))))
        found = answer.totals if answer.since is None else add(found, answer.totals)

    assert found == third


def test_an_answer_that_was_lost_is_told_again_with_the_next() -> None:
    told = Told()
    told.since(_report(1, _begun(3)), NONE_YET)
    told.since(_report(2, _begun(5)), named("b", 1))

    again = told.since(_report(3, _begun(9)), named("b", 1))

    assert (again.since, again.totals.begun) == (1, 6)


def test_all_of_it_is_told_to_who_does_not_ask_has_another_boots_or_one_that_is_not_remembered() -> None:
    told = Told()
    for sequence in range(1, 7):
        told.since(_report(sequence, _begun(sequence)), named("b", sequence - 1))

    for has in ("", NONE_YET, named("b", 1), named("c", 6), "6", ".b", "x.b"):
        answer = told.since(_report(7, _begun(7)), has)
        assert (answer.since, answer.totals.begun) == (None, 7), has


def test_two_readers_are_told_what_came_since_what_each_has() -> None:
    """Of which one follows the other, and both may be told on without asking."""
    told, has = Told(), {}
    for sequence, reader in ((1, "old"), (2, "new")):
        told.since(_report(sequence, _begun(sequence)), NONE_YET)
        has[reader] = sequence

    for sequence in range(3, 13):
        reader = "old" if sequence % 2 else "new"
        answer = told.since(_report(sequence, _begun(sequence)), named("b", has[reader]))
        assert (answer.since, answer.totals.begun) == (has[reader], sequence - has[reader])
        if sequence == 9:
            has["old"] = 9  # it was added, and is what comes next since


def test_another_setting_by_which_counts_began_anew_is_told_whole() -> None:
    told = Told()
    told.since(_report(1, Totals(requests=RequestCounts("one", exchanges=5))), NONE_YET)

    answer = told.since(_report(2, Totals(requests=RequestCounts("two", exchanges=1))), named("b", 1))

    assert (answer.since, answer.totals.requests.exchanges) == (None, 1)


def test_totals_too_large_to_be_remembered_are_told_whole() -> None:
    told = Told()
    every = map(full_report.series, range(SERIES_LIMIT))
    large = Totals(traffic={one.request_model: one for one in every})
    for one in large.traffic.values():
        for name in TrafficSeries.__struct_fields__:
            if isinstance(getattr(one, name), Histogram):  # no sums: they alone would do it
                setattr(one, name, Histogram(buckets=dict.fromkeys(range(1000), 10**15)))
    assert len(msgspec.msgpack.encode(large)) > REMEMBERED_BYTES_LIMIT
    told.since(_report(1, large), NONE_YET)

    answer = told.since(_report(2, large), named("b", 1))

    assert answer.since is None
    assert answer.totals == large


def test_sums_beyond_what_can_be_remembered_are_told_whole() -> None:
    told = Told()
    series = TrafficSeries("chat", "openai", "m", "m", stream=True, duration=Histogram(sum_nano=2**70))
    told.since(_report(1, Totals(traffic={"s": series})), NONE_YET)

    answer = told.since(_report(2, Totals(traffic={"s": series})), named("b", 1))

    assert answer.since is None
    assert answer.totals.traffic["s"].duration.sum_nano == 2**70
