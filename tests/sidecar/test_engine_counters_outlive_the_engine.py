from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.report import merge
from llmmonitor_api.report.engine_counts import BOUNDS_LIMIT, REASONS_LIMIT, EngineCounts, EngineHistogram
from llmmonitor_api.report.report import Identity, InterceptionState, Live, Report, decode, encode
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.engines.ledger import Course, EngineLedger

NANO = 10**9


def said(requests: int, **more: Any) -> Figures:
    """An engine that had so many requests of 10 prompt and 5 generated tokens, the first after 0.1 s."""
    figures = Figures(
        running=0,
        waiting=0,
        prompt_tokens=10 * requests,
        generation_tokens=5 * requests,
        preemptions=0,
        finished_requests={"stop": requests} if requests else {},
        time_to_first_token=EngineHistogram(requests * NANO // 10, {NANO: requests} if requests else {}),
    )
    return replace(figures, **more)


def taken(*looks: Figures) -> tuple[EngineCounts, list[Course]]:
    totals = Totals()
    ledger = EngineLedger(totals)
    courses = [ledger.take(look) for look in looks]
    return totals.engine, courses


def test_what_was_counted_before_the_first_look_is_not_ours() -> None:
    counts, courses = taken(said(1000), said(1003))

    assert courses == [Course.FIRST, Course.ON]
    assert (counts.prompt_tokens, counts.generation_tokens, counts.finished_requests) == (30, 15, {"stop": 3})
    assert (counts.time_to_first_token.count, counts.time_to_first_token.sum) == (3, 0.3)


def test_the_same_look_twice_adds_nothing() -> None:
    assert taken(said(5), said(9), said(9), said(9))[0] == taken(said(5), said(9))[0]


def test_a_restart_loses_nothing_and_counts_nothing_twice() -> None:
    counts, courses = taken(said(100), said(110), said(4), said(6))

    assert courses == [Course.FIRST, Course.ON, Course.RESTARTED, Course.ON]
    assert counts.generation_tokens == 5 * (10 + 4 + 2)
    assert counts.finished_requests == {"stop": 16}
    assert counts.time_to_first_token.count == 16
    assert counts.restarts == 1


def test_a_core_that_goes_away_is_no_restart() -> None:
    both = said(100)
    counts, courses = taken(said(90), both, said(70), said(75))

    assert courses == [Course.FIRST, Course.ON, Course.REDUCED, Course.ON]
    assert (counts.generation_tokens, counts.restarts) == (5 * (10 + 5), 0)


def test_counters_that_go_back_a_little_and_come_again_count_once() -> None:
    counts, courses = taken(said(100), said(110), said(108), said(112), said(111), said(120))

    assert courses == [Course.FIRST, Course.ON, Course.REDUCED, Course.ON, Course.REDUCED, Course.ON]
    assert counts.generation_tokens == 5 * 20
    assert counts.finished_requests == {"stop": 20}
    assert counts.time_to_first_token.count == 20


def test_a_counter_that_comes_with_the_first_request_begins_at_zero() -> None:
    unused = Figures(running=0, waiting=0)

    assert taken(unused, said(7))[0].generation_tokens == 35


def test_a_counter_that_is_not_given_for_a_while_goes_on_from_where_it_was() -> None:
    silent = said(12, generation_tokens=None, finished_requests=None, time_to_first_token=None)

    counts, courses = taken(said(10), silent, said(15))

    assert courses == [Course.FIRST, Course.ON, Course.ON]
    assert (counts.generation_tokens, counts.finished_requests) == (25, {"stop": 5})


@given(st.lists(st.integers(0, 30), min_size=2, max_size=30))
def test_whatever_an_engine_says_the_counts_only_grow(requests: list[int]) -> None:
    totals = Totals()
    ledger = EngineLedger(totals)
    before = totals.engine
    for n in requests:
        ledger.take(said(n))
        merge.since(totals.engine, before)
        before = totals.engine


def test_reasons_and_bounds_stay_bounded_and_readable() -> None:
    totals = Totals()
    ledger = EngineLedger(totals)
    ledger.take(said(0))
    for life in range(8):
        reasons = {f"reason-{life}-{n}": 10**6 for n in range(REASONS_LIMIT + 3)} | {"r" * 500: 4}
        buckets = {life * 1000 + bound + 1: 3 for bound in range(BOUNDS_LIMIT)}
        ledger.take(said(8, finished_requests=reasons, time_to_first_token=EngineHistogram(5, buckets, 1)))
        ledger.take(said(0))

    counts = totals.engine
    assert len(counts.finished_requests) <= REASONS_LIMIT + 1
    assert sum(counts.finished_requests.values()) == 8 * (10**6 * (REASONS_LIMIT + 3) + 4)
    assert len(counts.time_to_first_token.buckets) <= BOUNDS_LIMIT
    assert counts.time_to_first_token.count == 8 * (3 * BOUNDS_LIMIT + 1)
    identity = Identity("u", "p", "b", 1.0, 1, "0.1.0", 1)
    report = Report(identity, 2.0, 1.0, totals, Live(), InterceptionState("listen", reading=True))
    assert decode(encode(report)).totals.engine == counts
