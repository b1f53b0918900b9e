from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from llmmonitor_api.report.report import Engine, Saturation
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.saturation import INCREMENTS, EngineLoad

SECOND = 10**9


def looked_at(engines: Iterable[Engine | None], seconds: float = 1.0) -> Saturation | None:
    load, found = EngineLoad(), None
    for number, engine in enumerate(engines):
        found = load.look(engine, round(number * seconds * SECOND))
    return found


def waiting(*queue: int) -> list[Engine | None]:
    return [Engine("VLLM", running=2, waiting=one) for one in queue]


def test_a_queue_that_grows_is_known_with_its_rate() -> None:
    found = looked_at(waiting(*range(3, 3 + INCREMENTS + 1)), seconds=2.0)

    assert found is not None
    assert (found.waiting, found.waiting_least, found.running_most) == (33, 3, 2)
    assert found.samples == 31
    assert found.span_seconds == pytest.approx(60.0)
    assert found.waiting_per_minute_low == pytest.approx(30)
    assert found.waiting_per_minute_high == pytest.approx(30)


def test_a_queue_that_comes_and_goes_is_no_trend() -> None:
    chance = random.Random(1)
    queue, grew = 40, 0
    engines: list[Engine | None] = []
    for _ in range(3000):
        queue = max(1, queue + chance.choice((-3, -1, 0, 0, 1, 3)) + (40 - queue) // 8)
        engines.append(Engine("VLLM", waiting=queue))
    load = EngineLoad()
    for number, engine in enumerate(engines):
        found = load.look(engine, number * SECOND)
        grew += found is not None and number % INCREMENTS == 0 and found.waiting_per_minute_low > 0

    assert grew <= 5, "of 99 spans; 2.5 % are nominal"


def test_a_queue_that_was_empty_once_is_said_to_have_been() -> None:
    found = looked_at(waiting(*[5] * 20, 0, *[5] * 10))

    assert found is not None
    assert found.waiting_least == 0


@pytest.mark.parametrize(
    "engines",
    [
        pytest.param(waiting(*[4] * INCREMENTS), id="too few"),
        pytest.param([*waiting(*[4] * 40), None, *waiting(*[4] * INCREMENTS)], id="a scrape failed"),
        pytest.param([Engine("Ollama", running=1)] * 40, id="an engine that does not say"),
    ],
)
def test_what_is_not_known_for_long_enough_is_not_said(engines: list[Engine | None]) -> None:
    assert looked_at(engines) is None


def test_preemptions_are_those_of_the_span_and_an_engine_may_start_anew() -> None:
    counts = [100, *[100] * 20, 103, *[1] * 9]

    found = looked_at([Engine("VLLM", waiting=1, preemptions=one) for one in counts])

    assert found is not None
    assert found.preemptions == 3 + 1


def test_it_is_in_the_report_of_whoever_reads_the_traffic() -> None:
    reader = TrafficReader()
    for number, engine in enumerate(waiting(*[7] * 40)):
        reader.sample(Sample(engine, model_listening=True, tokens_per_second=None), number * SECOND)

    saturation = reader.live(40 * SECOND).saturation

    assert saturation is not None
    assert saturation.waiting_least == 7
