from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.report.engine_counts import EDGES, Compared, EngineHistogram, Pair
from llmmonitor_api.report.frequency import FrequencyTable
from llmmonitor_api.report.totals import Totals, TrafficSeries
from llmmonitor_sidecar.analyser.engine_watch import EngineWatch
from llmmonitor_sidecar.engines.figures import Figures
from llmmonitor_sidecar.signals.crosscheck import Wire, wire_of

PROMPT, TOKENS, TTFT, OUTSIDE = 10, 5, 100_000_000, 20_000_000
"""Of every request: tokens, time to first token by the engine, and time that it does not see, in ns."""


@dataclass
class Server:
    """An engine and the wire before it, as far as both count."""

    totals: Totals = field(default_factory=Totals)
    series: TrafficSeries = field(
        default_factory=lambda: TrafficSeries("chat", "openai", "m", "m", stream=True)
    )
    engine: int = 0
    running: int = 0
    in_flight: int = 0
    prompts_at_once: bool = False
    """Whether the engine counts a prompt's tokens when it begins, rather than with the rest."""
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.totals.traffic["k"] = self.series
        self.watch = EngineWatch(self.totals, lambda: wire_of(self.totals, self.in_flight))

    def begin(self) -> None:
        self.totals.begun += 1
        self.running += 1
        self.in_flight += 1

    def end(self, *, outcome: str = "ok", source: str = "usage", choices: int = 1) -> None:
        self.running -= 1
        self.in_flight -= 1
        self.engine += choices
        one = self.series
        one.outcomes[outcome] = one.outcomes.get(outcome, 0) + 1
        one.token_sources[source] = one.token_sources.get(source, 0) + 1
        if outcome == "ok":
            one.finish_reasons.record("stop", 9, choices)
        one.prompt_tokens_exact += PROMPT * choices
        one.completion_tokens_exact += TOKENS * choices
        one.time_to_first_token.record((TTFT + OUTSIDE) * 1e-9)

    def serve(self, requests: int, **more: Any) -> None:
        for _ in range(requests):
            self.begin()
            self.end(**more)

    def past_the_relay(self, requests: int) -> None:
        self.engine += requests

    def look(self) -> None:
        self.watch.begin()
        self.watch.end(self.figures)

    @property
    def figures(self) -> Figures:
        figures = Figures(
            running=self.running,
            waiting=0,
            prompt_tokens=PROMPT * (self.engine + self.running * self.prompts_at_once),
            generation_tokens=TOKENS * self.engine,
            finished_requests={"stop": self.engine},
            time_to_first_token=EngineHistogram(TTFT * self.engine, {TTFT: self.engine}),
        )
        return replace(figures, **self.more)

    @property
    def compared(self) -> Compared:
        return self.totals.compared


def test_both_counts_of_what_happened_between_two_quiet_moments_are_equal() -> None:
    server = Server()
    server.serve(3)
    server.look()
    server.serve(20)
    server.look()

    assert server.compared == Compared(
        requests=Pair(20, 20),
        answered=20,
        prompt_tokens=Pair(200, 200),
        generation_tokens=Pair(100, 100),
        token_requests=20,
        first_tokens=Pair(20, 20),
        first_token_nanoseconds=Pair(20 * TTFT, 20 * (TTFT + OUTSIDE)),
    )


def test_what_goes_past_the_relay_is_the_difference() -> None:
    server = Server()
    server.look()
    server.serve(15)
    server.past_the_relay(5)
    server.look()
    server.past_the_relay(7)
    server.look()

    assert server.compared.requests == Pair(engine=27, wire=15)
    assert server.compared.generation_tokens == Pair(engine=27 * TOKENS, wire=15 * TOKENS)


def test_nothing_is_compared_while_something_is_under_way() -> None:
    server = Server()
    server.look()
    server.begin()
    server.serve(10)
    server.look()
    assert server.compared == Compared()

    server.end()
    server.look()

    assert server.compared.requests == Pair(11, 11)


def test_a_server_that_never_rests_is_compared_once_its_edges_are_small_enough() -> None:
    server = Server()
    server.begin()
    server.look()
    for _ in range(10):
        server.serve(12)
        server.look()

    requests = server.compared.requests
    assert requests.wire == requests.engine
    assert requests.wire >= 2 / EDGES
    assert requests.wire < 120, "a stretch ends as soon as it may"


@given(st.lists(st.sampled_from(["begin", "end", "serve", "look"]), max_size=300), st.integers(0, 3))
def test_what_is_under_way_at_the_edges_makes_no_larger_difference_than_it_may(
    steps: list[str], busy: int
) -> None:
    server = Server(prompts_at_once=True)  # the wire knows of a prompt's tokens when its answer ends
    for _ in range(busy):
        server.begin()
    for step in steps:
        if step == "begin":
            server.begin()
        elif step == "end" and server.in_flight:
            server.end()
        elif step == "serve":
            server.serve(70)
        elif step == "look":
            server.look()

    compared = server.compared
    assert compared.requests.engine == compared.requests.wire
    difference = abs(compared.prompt_tokens.engine - compared.prompt_tokens.wire)
    assert difference <= EDGES * compared.requests.wire * PROMPT


def test_a_request_that_comes_while_the_engine_is_asked_makes_no_quiet_moment() -> None:
    server = Server()
    server.look()
    server.watch.begin()
    figures = server.figures
    server.serve(1)  # the wire has it, the engine's answer has not
    server.watch.end(figures)

    assert server.compared == Compared()
    server.look()
    assert server.compared.requests == Pair(1, 1)


def test_a_restart_of_the_engine_is_compared_with_nothing() -> None:
    server = Server()
    server.serve(50)
    server.look()
    server.serve(10)
    server.engine = 4  # six of them were of its former life
    server.look()
    server.serve(8)
    server.look()

    assert server.compared.requests == Pair(8, 8)
    assert server.totals.engine.restarts == 1


def test_a_time_in_which_the_wire_is_not_read_is_compared_with_nothing() -> None:
    server = Server()
    server.look()
    server.watch.pause()
    server.past_the_relay(100)
    server.look()
    server.serve(2)
    server.look()

    assert server.compared.requests == Pair(2, 2)


def test_where_the_wire_is_never_read_the_engine_is_still_counted() -> None:
    server = Server()
    server.watch = EngineWatch(server.totals, Wire, reads=False)
    server.look()
    server.past_the_relay(9)
    server.look()

    assert (server.compared, server.totals.engine.finished_requests) == (Compared(), {"stop": 9})


def test_several_choices_of_one_request_are_several_to_the_engine() -> None:
    server = Server()
    server.look()
    server.serve(4, choices=3)
    server.look()

    assert server.compared.requests == Pair(12, 12)
    assert server.compared.answered == 4, "an engine that counts them as one is right too"


def test_tokens_known_as_a_lower_bound_alone_are_not_compared() -> None:
    server = Server()
    server.look()
    server.serve(10)
    server.serve(10, source="counted")
    server.look()
    server.serve(5)
    server.look()

    assert server.compared.generation_tokens == Pair(25, 25)
    assert (server.compared.token_requests, server.compared.uncounted_requests) == (5, 20)
    assert server.compared.requests == Pair(25, 25)


def test_one_client_in_hundreds_that_hangs_up_does_not_forbid_it() -> None:
    server = Server()
    server.look()
    server.serve(199)
    server.serve(1, source="counted", outcome="aborted")
    server.look()

    assert server.compared.token_requests == 200


@pytest.mark.parametrize(
    ("figure", "pair"),
    [
        ("finished_requests", "requests"),
        ("generation_tokens", "generation_tokens"),
        ("prompt_tokens", "prompt_tokens"),
        ("time_to_first_token", "first_tokens"),
    ],
)
def test_what_an_engine_does_not_count_is_no_zero(figure: str, pair: str) -> None:
    server = Server(more={figure: None})
    server.look()
    server.serve(3)
    server.look()

    assert getattr(server.compared, pair) == Pair()
    others = {"requests", "generation_tokens", "first_tokens"} - {pair}
    assert all(getattr(server.compared, other).wire for other in others)


def test_prompt_tokens_without_those_of_the_cache_are_not_compared() -> None:
    server = Server(more={"prompt_tokens_whole": False})
    server.look()
    server.serve(3)
    server.look()

    assert (server.compared.prompt_tokens, server.compared.generation_tokens) == (Pair(), Pair(15, 15))


def test_looking_at_health_or_models_is_no_request_to_an_engine() -> None:
    totals = Totals()
    for number, (operation, provider) in enumerate(
        (("other", "http"), ("other", "openai"), ("embeddings", "openai"), ("other", "vllm"))
    ):
        totals.traffic[str(number)] = TrafficSeries(
            *(operation, provider, "", ""), stream=False, generates=False, outcomes={"ok": 10**number}
        )

    assert wire_of(totals, 0).ended == 100 + 1000


def test_only_what_clients_were_answered_must_have_been_finished() -> None:
    totals = Totals()
    totals.traffic["k"] = TrafficSeries(
        *("chat", "openai", "m", "m"),
        stream=False,
        outcomes={"ok": 5, "client_error": 3, "overloaded": 2, "aborted": 1},
        finish_reasons=FrequencyTable({"stop": 5}),
    )

    wire = wire_of(totals, 0)

    assert (wire.ended, wire.answered) == (11, 5)
