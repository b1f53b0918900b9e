"""What a probe does to the engine's counters, to busy time, and to the wire where it comes along at all."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from llmmonitor_api.report.engine_counts import Pair
from llmmonitor_api.report.probing import ProbeCounts
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.signing.probe_mark import HEADER, ProbeMarks
from llmmonitor_sidecar.analyser.engine_watch import EngineWatch
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.signals.busy import BusyTime, at_work
from llmmonitor_sidecar.signals.crosscheck import wire_of
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.probes_in_flight import ProbesInFlight
from llmmonitor_sidecar.tee import Kind, TeeRecord

SECOND = 1_000_000_000


def figures(requests: int, prompt: int, completion: int) -> Figures:
    return Figures(
        running=0,
        waiting=0,
        prompt_tokens=prompt,
        generation_tokens=completion,
        finished_requests={"stop": requests},
    )


def test_what_probes_made_is_taken_from_what_the_engine_counted() -> None:
    totals = Totals()
    watch = EngineWatch(totals, lambda: wire_of(totals, 0))
    watch.begin()
    watch.end(figures(0, 0, 0))

    totals.probes = ProbeCounts(begun=3, answered=3, prompt_tokens=30, completion_tokens=12)
    watch.begin()
    watch.end(figures(3, 30, 12))

    assert totals.engine.generation_tokens == 12
    assert totals.compared.requests == Pair(0, 0)
    assert totals.compared.generation_tokens == Pair(0, 0)
    assert totals.compared.prompt_tokens == Pair(0, 0)


def test_a_probe_without_an_answer_leaves_its_stretch_out_of_the_comparison_by_tokens() -> None:
    totals = Totals()
    watch = EngineWatch(totals, lambda: wire_of(totals, 0))
    watch.begin()
    watch.end(figures(0, 0, 0))

    totals.probes = ProbeCounts(begun=1, unanswered=1)
    watch.begin()
    watch.end(figures(0, 10, 7))

    assert totals.compared.generation_tokens == Pair()


def test_time_with_a_probe_alone_is_neither_busy_nor_idle() -> None:
    totals = Totals()
    busy = BusyTime(totals)
    busy.look(0, 0, all_is_read=True, engine_at_work=None)
    for now, in_flight, probing in ((1, 0, True), (3, 1, True), (4, 1, False), (6, 0, False)):
        busy.step(now * SECOND, in_flight, probing=probing)
    busy.look(10 * SECOND, 0, all_is_read=True, engine_at_work=None)

    seconds = [
        one / SECOND
        for one in (totals.busy_nanoseconds, totals.probing_nanoseconds, totals.observed_nanoseconds)
    ]

    assert seconds == pytest.approx([3, 2, 9], abs=1.01)
    assert seconds[:2] == [3, 2]


@pytest.mark.parametrize(("running", "probes", "works"), [(1, 1, False), (2, 1, True), (1, 0, True)])
def test_an_engine_that_works_on_our_probe_alone_is_not_at_work(
    running: int,
    probes: int,
    works: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert at_work(Engine("vLLM", running=running, waiting=0), probes) is works


def test_probes_in_flight_are_known_for_the_moment_when_the_engine_was_asked() -> None:
    probes = ProbesInFlight()
    probes.step(1, 10)
    probes.step(-1, 20)

    assert [probes.at(moment) for moment in (5, 10, 19, 20, 30)] == [0, 1, 1, 0, 0]


def test_a_probe_seen_by_an_engine_that_speaks_later_is_not_busy_time() -> None:
    reader = TrafficReader()
    reader.tick(SECOND)
    reader.probe(1, 2 * SECOND)
    reader.probe(-1, 3 * SECOND)
    asked_meanwhile = Engine("vLLM", running=1, waiting=0, scraped_age_seconds=1.5)
    reader.sample(Sample(asked_meanwhile, model_listening=True, tokens_per_second=None), 4 * SECOND)
    reader.tick(5 * SECOND, all_passes=False)

    assert reader.totals.busy_nanoseconds == 0
    assert reader.totals.probing_nanoseconds == SECOND


def through_the_relay(reader: TrafficReader, mark: str) -> Totals:
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n"
    head += f"{HEADER}: {mark}\r\n\r\n" if mark else "\r\n"
    answer = b'{"choices":[{"message":{"content":"ho"},"finish_reason":"stop"}]}'
    said = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
    reader.take(
        [
            TeeRecord(Kind.OPEN, 1, 0, 1, b""),
            TeeRecord(Kind.DATA, 1, 0, 2, head.encode() + body),
            TeeRecord(Kind.DATA, 1, 1, 3, said + answer),
        ]
    )
    return reader.totals


def test_a_probe_that_comes_through_the_relay_is_known_by_its_mark() -> None:
    marks = ProbeMarks("uid")
    now = time.time()

    def make() -> TrafficReader:
        return TrafficReader(lambda mark: marks.is_ours(mark, now))

    ours = marks.sign(now)

    assert through_the_relay(make(), ours).traffic == {}
    assert through_the_relay(make(), "").begun == 1


@pytest.mark.parametrize(("ours", "counted"), [(True, 0), (False, 1)])
def test_a_probe_is_neither_drift_nor_an_interaction(
    ours: bool,  # noqa: FBT001 - a parameter of the test
    counted: int,
) -> None:
    marks, now = ProbeMarks("uid"), time.time()
    reader = TrafficReader(lambda mark: marks.is_ours(mark, now))

    totals = through_the_relay(reader, marks.sign(now) if ours else "")
    while reader.inspect():
        pass

    assert totals.features.requests == counted
    assert totals.interactions.exchanges == counted


@pytest.mark.parametrize(
    "forge",
    [
        lambda _mine, now: ProbeMarks("uid").sign(now),
        lambda mine, now: mine.sign(now - 3600),
        lambda _mine, _now: "x" * 900,
        lambda mine, now: mine.sign(now)[:-8] + "AAAAAAAA",
    ],
    ids=["another's key", "an old mark", "no signature", "a changed one"],
)
def test_nobody_else_can_hide_a_request_from_us(forge: Callable[[ProbeMarks, float], str]) -> None:
    marks, now = ProbeMarks("uid"), time.time()

    totals = through_the_relay(TrafficReader(lambda mark: marks.is_ours(mark, now)), forge(marks, now))

    assert totals.begun == 1


def test_a_mark_that_was_seen_hides_no_second_request() -> None:
    marks, now = ProbeMarks("uid"), time.time()
    ours = marks.sign(now)
    reader = TrafficReader(lambda mark: marks.is_ours(mark, now))
    through_the_relay(reader, ours)

    assert through_the_relay(TrafficReader(lambda mark: marks.is_ours(mark, now)), ours).begun == 1
    assert msgspec.json.encode(reader.totals.traffic) == b"{}"
