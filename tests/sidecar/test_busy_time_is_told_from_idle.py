from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from tests.sidecar.test_reader_survives_what_it_cannot_read import ANSWER, ASK, SECOND, exchange, opened

from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.signals.busy import BusyTime
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeRecord
from llmmonitor_sidecar.tee.record import REQUEST, RESPONSE


def told(reader: TrafficReader) -> tuple[float, float]:
    """Busy and observed seconds."""
    return reader.totals.busy_nanoseconds / SECOND, reader.totals.observed_nanoseconds / SECOND


def says(running: int | None) -> Sample:
    return Sample(engine=Engine("vLLM", running=running), model_listening=True, tokens_per_second=None)


def test_busy_lasts_from_the_requests_end_to_the_answers() -> None:
    reader = TrafficReader()
    reader.tick(SECOND)

    reader.take(exchange(1))
    reader.tick(11 * SECOND)

    assert told(reader) == (1.0, 10.0)


def test_a_request_in_flight_counts_before_it_ends_and_two_at_once_count_once() -> None:
    reader = TrafficReader()
    reader.tick(SECOND // 2)
    asked = [(opened(n), TeeRecord(Kind.DATA, n, REQUEST, n * SECOND, ASK)) for n in (1, 2)]

    reader.take(record for pair in asked for record in pair)
    reader.tick(5 * SECOND)
    assert told(reader)[0] == 4.0

    reader.take([TeeRecord(Kind.DATA, 2, RESPONSE, 6 * SECOND, ANSWER)])
    reader.take([TeeRecord(Kind.DATA, 1, RESPONSE, 8 * SECOND, ANSWER)])
    reader.tick(20 * SECOND)

    assert told(reader) == (7.0, 19.5)


def test_idle_is_not_said_while_requests_may_pass_unread() -> None:
    reader = TrafficReader()
    reader.tick(SECOND)

    reader.tick(3 * SECOND, all_passes=False)
    assert told(reader) == (0.0, 0.0)

    reader.take(list(exchange(7))[1:2])  # of a connection that was open before: it is not read
    reader.tick(5 * SECOND)
    assert told(reader) == (0.0, 0.0)

    reader.take([TeeRecord(Kind.CLOSE, 7, 0, 6 * SECOND, CloseReason.EOF)])
    reader.tick(9 * SECOND)
    assert told(reader) == (0.0, 4.0)


def test_idle_is_not_said_while_a_connection_is_carried_that_cannot_be_read() -> None:
    reader = TrafficReader()
    reader.tick(SECOND)

    reader.take([opened(1), TeeRecord(Kind.DATA, 1, REQUEST, SECOND, b"\x16\x03\x01\x00\xf4\x01")])
    reader.tick(5 * SECOND)
    assert told(reader) == (0.0, 0.0)

    reader.take([TeeRecord(Kind.CLOSE, 1, 0, 6 * SECOND, CloseReason.EOF)])
    reader.tick(8 * SECOND)
    assert told(reader) == (0.0, 3.0)


def test_the_engine_tells_of_what_is_not_read() -> None:
    reader = TrafficReader()
    reader.tick(SECOND)

    reader.sample(says(2), SECOND)
    reader.tick(3 * SECOND, all_passes=False)
    assert told(reader) == (2.0, 2.0)

    reader.sample(says(0), 3 * SECOND)
    reader.tick(6 * SECOND, all_passes=False)
    assert told(reader) == (2.0, 5.0)

    reader.sample(says(None), 6 * SECOND)
    reader.tick(9 * SECOND, all_passes=False)
    assert told(reader) == (2.0, 5.0)


@given(st.integers(0, 2**32))
def test_it_is_never_more_than_the_time_that_passed_and_never_goes_back(seed: int) -> None:
    rng = random.Random(seed)
    totals = Totals()
    busy = BusyTime(totals)
    began = now = 1_000
    busy.look(now, 0, all_is_read=True, engine_at_work=None)
    for _ in range(30):
        before = totals.busy_nanoseconds, totals.observed_nanoseconds
        for _ in range(rng.randrange(4)):
            busy.step(now + rng.randrange(-50, 100), rng.randrange(3))  # in no order
        now += rng.randrange(100, 200)
        whole, engine = rng.random() < 0.5, rng.choice([None, True, False])
        busy.look(now, rng.randrange(3), all_is_read=whole, engine_at_work=engine)
        after = totals.busy_nanoseconds, totals.observed_nanoseconds
        assert before[0] <= after[0]
        assert before[1] <= after[1]

    assert totals.busy_nanoseconds <= totals.observed_nanoseconds <= now - began
