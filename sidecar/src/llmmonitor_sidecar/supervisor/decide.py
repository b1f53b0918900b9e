"""Whether to intercept, now: a function of what was and what is seen, without clock or I/O.

Theory of operation. Every tick (100 ms) the shell hands over an `Observation`. Interception is *wanted* while
the model listens and nobody asked to stop. It is *armed* while it is wanted, nothing forbids it (`obstacle`)
and the relay is fit: alive, listening, heartbeat fresh, and adding no more latency than the owner allows.
Wanted and not armed is blind time, and it is counted. Leaving the armed state against the owner's wish is a
step-aside:

    relay died             arm again as soon as its successor is ready
    heartbeat stale        arm again after a hold, which doubles with every repetition
    starved of CPU         the same, and only once the latency is below half of the limit (hysteresis)
    we were frozen         the kernel stopped by itself; arm again with the relay's next heartbeat

Time in which the supervisor itself did not run (frozen, starved) says nothing about the relay: the silence
for which a relay is killed adds up over the supervisor's own ticks, so that a thawed pod keeps its relay.

In listen mode nothing can step aside (the relay owns the port): armed means that the relay listens.
"""

from __future__ import annotations

import dataclasses

from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.supervisor.ruleset import ELEMENT_TIMEOUT_SECONDS, Families

SECOND_NS = 1_000_000_000
_NOTHING = Families()
_NOT_WANTED = (Reason.OFF, Reason.STOPPED, Reason.STOPPING)


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The limits of a decision."""

    max_added_latency_us: int
    can_step_aside: bool
    """Transparent mode; in listen mode nobody else would answer."""
    fresh_ns: int = 300_000_000
    """A heartbeat (every 50 ms) older than this is stale."""
    kill_after_ns: int = 10 * SECOND_NS
    """A relay without heartbeat for so long is killed."""
    kill_analyser_after_ns: int = 120 * SECOND_NS
    """The same for the analyser: traffic does not need it, its start takes seconds."""
    hold_first_ns: int = 5 * SECOND_NS
    hold_limit_ns: int = 300 * SECOND_NS
    calm_ns: int = 60 * SECOND_NS
    """After so long armed without a step-aside, holds begin with the first again."""
    tick_limit_ns: int = SECOND_NS // 5
    """In a longer gap between ticks the supervisor did not run: the rest of it is no fault of the relay."""


@dataclasses.dataclass(frozen=True, slots=True)
class Observation:
    """What the shell saw in this tick."""

    relay_alive: bool
    relay_listening: bool
    """Said by the relay that is alive now, not by the one before it."""
    heartbeat_ns: int
    """When the living relay's loop last came round; 0 while it never did."""
    loop_lag_us: int
    """p99 over 5 s."""
    run_queue_delay_us: int
    """p99 over 5 s."""
    model_listening: Families
    obstacle: Reason = Reason.READING
    """What forbids interception; READING when nothing does."""


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What a decision leaves to the next one; totals are for the shared page."""

    at_ns: int
    armed: Families = _NOTHING
    armed_since_ns: int = 0
    wanted: bool = False
    reason: Reason = Reason.STARTING
    heartbeat_ns: int = 0
    stale_ns: int = 0
    """How long the heart stood still, in the supervisor's own running time."""
    held_reason: Reason = Reason.READING
    held_until_ns: int = 0
    hold_ns: int = 0
    """Length of the next hold; 0: the policy's first."""
    blind_ns_total: int = 0
    step_asides_total: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Actions:
    """What the shell does now."""

    arm: Families
    """Intercept by these and no others; renew the dead man's switch."""
    kill_relay: bool
    stepped_aside: bool
    """In this very tick, against the owner's wish."""


def decide(before: State, seen: Observation, now_ns: int, policy: Policy) -> tuple[State, Actions]:
    """The next state, and what to do."""
    elapsed_ns = now_ns - before.at_ns
    state = dataclasses.replace(
        before,
        at_ns=now_ns,
        heartbeat_ns=seen.heartbeat_ns,
        stale_ns=_stale_ns(before, seen, elapsed_ns, policy),
        blind_ns_total=before.blind_ns_total + _blind_ns(before, elapsed_ns, policy),
        wanted=bool(seen.model_listening) and seen.obstacle not in _NOT_WANTED,
    )
    reason = _reason(state, seen, now_ns, policy)
    expired = policy.can_step_aside and elapsed_ns > ELEMENT_TIMEOUT_SECONDS * SECOND_NS
    stepped_aside = bool(before.armed) and (expired or _is_involuntary(reason))
    if stepped_aside:
        state = dataclasses.replace(state, step_asides_total=state.step_asides_total + 1)
        if reason is Reason.STARVED_OF_CPU or (
            reason is Reason.RELAY_STALLED and elapsed_ns <= policy.tick_limit_ns
        ):
            state = _hold(state, reason, now_ns, policy)
    if reason is Reason.READING:
        state = _arm(state, seen, now_ns, policy)
    else:
        state = dataclasses.replace(state, armed=_NOTHING)
    kill = seen.relay_alive and state.stale_ns >= policy.kill_after_ns
    if kill:
        state = dataclasses.replace(state, stale_ns=0)
    return (
        dataclasses.replace(state, reason=reason),
        Actions(arm=state.armed, kill_relay=kill, stepped_aside=stepped_aside),
    )


def _stale_ns(before: State, seen: Observation, elapsed_ns: int, policy: Policy) -> int:
    if not seen.relay_alive or seen.heartbeat_ns != before.heartbeat_ns:
        return 0
    return before.stale_ns + min(elapsed_ns, policy.tick_limit_ns)


def _blind_ns(before: State, elapsed_ns: int, policy: Policy) -> int:
    """How much of the time since the last tick was blind."""
    if not before.wanted:
        return 0
    if not before.armed:
        return elapsed_ns
    # Armed, but nobody renewed: the kernel stopped intercepting by itself.
    return max(0, elapsed_ns - ELEMENT_TIMEOUT_SECONDS * SECOND_NS) if policy.can_step_aside else 0


def _reason(  # noqa: PLR0911 - a table of reasons in the order in which they count
    state: State, seen: Observation, now_ns: int, policy: Policy
) -> Reason:
    """Why not to be armed now; READING when there is no reason."""
    if seen.obstacle is not Reason.READING:
        return seen.obstacle
    if not seen.model_listening:
        return Reason.MODEL_NOT_LISTENING
    if not seen.relay_alive:
        return Reason.RELAY_DOWN
    if seen.heartbeat_ns and now_ns - seen.heartbeat_ns > policy.fresh_ns:
        return Reason.RELAY_STALLED
    if not (seen.heartbeat_ns and seen.relay_listening):
        return Reason.STARTING
    if not policy.can_step_aside:
        return Reason.READING
    held = now_ns < state.held_until_ns
    if held and state.held_reason is not Reason.STARVED_OF_CPU:
        return state.held_reason
    limit_us = policy.max_added_latency_us
    if state.held_reason is Reason.STARVED_OF_CPU:
        limit_us //= 2
    if held or max(seen.loop_lag_us, seen.run_queue_delay_us) > limit_us:
        return Reason.STARVED_OF_CPU
    return Reason.READING


def _is_involuntary(reason: Reason) -> bool:
    """Whether interception ends against the owner's wish."""
    return reason not in (
        Reason.READING,
        Reason.MODEL_NOT_LISTENING,
        Reason.HANDING_OVER,
        *_NOT_WANTED,
    )


def _hold(state: State, reason: Reason, now_ns: int, policy: Policy) -> State:
    """Coming back at once would only repeat it."""
    hold_ns = state.hold_ns or policy.hold_first_ns
    return dataclasses.replace(
        state,
        held_reason=reason,
        held_until_ns=now_ns + hold_ns,
        hold_ns=min(2 * hold_ns, policy.hold_limit_ns),
    )


def _arm(state: State, seen: Observation, now_ns: int, policy: Policy) -> State:
    since_ns = state.armed_since_ns if state.armed else now_ns
    calm = now_ns - since_ns >= policy.calm_ns
    return dataclasses.replace(
        state,
        armed=seen.model_listening,
        armed_since_ns=since_ns,
        held_reason=Reason.READING,
        hold_ns=0 if calm else state.hold_ns,
    )
