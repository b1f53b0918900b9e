"""The decision to intercept, on fake time: when it is made, unmade, counted, held and repeated."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_sidecar.supervisor.decide import Actions, Observation, Policy, State, decide
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.supervisor.ruleset import Families

MS = 1_000_000
SECOND = 1_000 * MS
TICK = 100 * MS
BOTH = Families(ipv4=True, ipv6=True)
TRANSPARENT = Policy(max_added_latency_us=5_000, can_step_aside=True)
LISTEN = Policy(max_added_latency_us=5_000, can_step_aside=False)
WELL = Observation(
    relay_alive=True,
    relay_listening=True,
    heartbeat_ns=0,
    loop_lag_us=100,
    run_queue_delay_us=100,
    model_listening=BOTH,
)


class Watch:
    """Ticks through time; the relay's heart beats unless told otherwise."""

    def __init__(self, policy: Policy = TRANSPARENT) -> None:
        self.policy = policy
        self.now = 1_000 * SECOND
        self.state = State(at_ns=self.now)
        self.heartbeat = self.now
        self.actions = Actions(arm=Families(), kill_relay=False, stepped_aside=False)
        self.kills = 0

    def tick(self, seconds: float = 0.1, *, beats: bool = True, after: int = TICK, **seen: object) -> Watch:
        for _ in range(max(1, round(seconds * SECOND / after))):
            self.now += after
            if beats:
                self.heartbeat = self.now - 20 * MS
            observation = dataclasses.replace(WELL, **{"heartbeat_ns": self.heartbeat, **seen})  # type: ignore[arg-type]  # fields by name
            self.state, self.actions = decide(self.state, observation, self.now, self.policy)
            self.kills += self.actions.kill_relay
        return self

    @property
    def reason(self) -> Reason:
        return self.state.reason


def test_a_fit_relay_and_a_listening_model_are_armed_by_the_models_protocols() -> None:
    watch = Watch().tick(model_listening=Families(ipv4=True))

    assert watch.actions.arm == Families(ipv4=True)
    assert watch.reason is Reason.READING


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"model_listening": Families()}, Reason.MODEL_NOT_LISTENING),
        ({"relay_alive": False}, Reason.RELAY_DOWN),
        ({"relay_listening": False}, Reason.STARTING),
        ({"obstacle": Reason.MESH_REDIRECTS}, Reason.MESH_REDIRECTS),
        ({"loop_lag_us": 5_001}, Reason.STARVED_OF_CPU),
        ({"run_queue_delay_us": 5_001}, Reason.STARVED_OF_CPU),
    ],
)
def test_each_reason_disarms_at_once(seen: dict[str, object], reason: Reason) -> None:
    watch = Watch().tick(1)

    watch.tick(**seen)  # type: ignore[arg-type]  # fields by name

    assert not watch.actions.arm
    assert watch.reason is reason


def test_a_silent_relay_is_stepped_around_held_and_killed_after_ten_seconds() -> None:
    watch = Watch().tick(1)

    watch.tick(0.2, beats=False)
    assert watch.actions.arm
    watch.tick(0.1, beats=False)
    assert watch.reason is Reason.RELAY_STALLED
    assert watch.state.step_asides_total == 1

    watch.tick(9.5, beats=False)
    assert watch.kills == 0
    watch.tick(0.3, beats=False)
    assert watch.kills == 1


def test_a_relay_that_never_beat_is_starting_and_killed_too() -> None:
    watch = Watch()

    watch.tick(9, beats=False, heartbeat_ns=0)
    assert (watch.reason, watch.kills) == (Reason.STARTING, 0)
    watch.tick(2, beats=False, heartbeat_ns=0)
    assert watch.kills == 1


def test_a_relay_whose_heart_beats_again_waits_for_the_hold() -> None:
    watch = Watch().tick(1).tick(1, beats=False)

    assert watch.tick(4).reason is Reason.RELAY_STALLED
    assert watch.tick(1).reason is Reason.READING


def test_holds_double_up_to_their_limit_and_begin_anew_after_a_calm_minute() -> None:
    watch = Watch()
    holds = []
    for _ in range(8):
        watch.tick(1)
        watch.tick(loop_lag_us=9_000)
        began = watch.now
        while not watch.tick().actions.arm:
            pass
        holds.append(round((watch.now - began) / SECOND))
    assert holds == [5, 10, 20, 40, 80, 160, 300, 300]

    watch.tick(61).tick(loop_lag_us=9_000)
    began = watch.now
    while not watch.tick().actions.arm:
        pass
    assert round((watch.now - began) / SECOND) == 5


def test_starvation_ends_only_below_half_of_the_limit() -> None:
    watch = Watch().tick(1).tick(loop_lag_us=6_000)

    assert watch.tick(60, loop_lag_us=2_600).reason is Reason.STARVED_OF_CPU
    assert watch.tick(loop_lag_us=2_400).reason is Reason.READING
    assert watch.tick(loop_lag_us=4_900).reason is Reason.READING


def test_a_dead_relays_successor_is_armed_without_a_hold() -> None:
    watch = Watch().tick(1).tick(relay_alive=False)
    assert watch.state.step_asides_total == 1

    watch.tick(0.2, relay_listening=False, heartbeat_ns=0)
    assert watch.reason is Reason.STARTING
    assert watch.tick().reason is Reason.READING
    assert watch.state.step_asides_total == 1


def test_blind_time_is_wanted_time_that_was_not_read() -> None:
    watch = Watch()
    watch.tick(3, model_listening=Families())
    assert watch.state.blind_ns_total == 0

    watch.tick(1, model_listening=BOTH, relay_alive=False)
    watch.tick(1)
    assert watch.state.blind_ns_total == SECOND

    watch.tick(5, obstacle=Reason.STOPPED).tick(1)
    assert watch.state.blind_ns_total == SECOND

    watch.tick(2, obstacle=Reason.MESH_REDIRECTS).tick(1)
    assert watch.state.blind_ns_total == 3 * SECOND


def test_a_model_that_stops_is_no_step_aside() -> None:
    watch = Watch().tick(1).tick(1, model_listening=Families()).tick(1)

    assert watch.state.step_asides_total == 0


def test_when_everything_was_frozen_the_relay_is_not_blamed() -> None:
    watch = Watch().tick(1)

    watch.tick(beats=False, after=60 * SECOND)
    assert not watch.actions.arm, "first a sign of life"
    assert watch.state.step_asides_total == 1
    assert watch.state.blind_ns_total == 59 * SECOND, "the kernel stopped after one second"
    watch.tick()

    assert watch.actions.arm
    assert watch.kills == 0


def test_in_listen_mode_latency_is_no_reason_to_refuse() -> None:
    watch = Watch(LISTEN).tick(1)
    reasons = []

    reasons.append(watch.tick(10, loop_lag_us=900_000, run_queue_delay_us=900_000).reason)
    reasons.append(watch.tick(11, beats=False).reason)
    reasons.append(watch.tick().reason)

    assert reasons == [Reason.READING, Reason.RELAY_STALLED, Reason.READING]
    assert watch.kills == 1


observations = st.builds(
    Observation,
    relay_alive=st.booleans(),
    relay_listening=st.booleans(),
    heartbeat_ns=st.integers(0, 200 * SECOND),
    loop_lag_us=st.integers(0, 20_000),
    run_queue_delay_us=st.integers(0, 20_000),
    model_listening=st.builds(Families, ipv4=st.booleans(), ipv6=st.booleans()),
    obstacle=st.sampled_from([Reason.READING, Reason.STOPPED, Reason.MESH_REDIRECTS]),
)


@given(st.lists(st.tuples(observations, st.integers(1, 3 * SECOND)), max_size=40))
def test_whatever_is_seen_only_a_fit_relay_is_armed_and_totals_never_fall(
    seen: list[tuple[Observation, int]],
) -> None:
    state, now = State(at_ns=0), 0
    for observation, elapsed in seen:
        now += elapsed
        before, (state, actions) = state, decide(state, observation, now, TRANSPARENT)

        assert actions.arm == state.armed
        assert bool(actions.arm) == (state.reason is Reason.READING)
        if actions.arm:
            assert observation.relay_alive
            assert observation.relay_listening
            assert observation.obstacle is Reason.READING
            assert now - observation.heartbeat_ns <= TRANSPARENT.fresh_ns
            assert max(observation.loop_lag_us, observation.run_queue_delay_us) <= 5_000
            assert actions.arm == observation.model_listening
        assert 0 <= state.blind_ns_total - before.blind_ns_total <= elapsed
        assert 0 <= state.step_asides_total - before.step_asides_total <= 1
        assert observation.relay_alive or not actions.kill_relay
