from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

import msgspec
import pytest
from tests.sidecar.probes.conftest import NOW, Beside, plan, setting

from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Engine, Live
from llmmonitor_api.signing.probe_mark import HEADER
from llmmonitor_sidecar.probes import schedule

Make = Callable[..., Awaitable[Beside]]
HOUR = 3600.0
LATE = NOW + 600.0
"""Within the same round, after every replica's jitter."""


async def test_a_round_asks_everything_once_and_says_how_it_went(beside: Make) -> None:
    numbers = count()
    one = await beside(says=lambda _q: "4" if next(numbers) % 2 == 0 else "5")
    one.prober.configure(plan(setting(), setting("again", repeats=3)))

    asked = await one.round(LATE)

    assert asked == 4
    assert one.results == [("sum", 1, 0, 0, ""), ("again", 1, 2, 0, "number")]
    assert await one.round(LATE + 1) == 0
    counts = one.prober.standing.counts
    assert (counts.answered, counts.prompt_tokens, counts.completion_tokens) == (4, 40, 20)


async def test_the_next_round_begins_with_the_schedule(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan())

    assert [await one.round(LATE + hours * HOUR) for hours in range(3)] == [1, 1, 1]
    begun = [each.started for each in one.prober.standing.probing.rounds]
    assert len(begun) == 2
    assert begun[1] - begun[0] == HOUR


async def test_another_version_of_the_model_begins_the_round_anew(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan())
    await one.round(LATE)

    one.around = replace(one.around, engine=Engine("vLLM", "2", "m", running=0, waiting=0))

    assert await one.round(LATE + 1) == 1
    assert [each.version for each in one.prober.standing.probing.rounds] == ["m vLLM 1", "m vLLM 2"]


async def test_a_change_that_only_the_operator_sees_begins_the_round_anew(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(version="0123"))
    await one.round(LATE)

    one.prober.configure(plan(version="4567"))

    assert one.prober.standing.probing.version == "4567"
    assert await one.round(LATE + 1) == 1
    assert [each.version for each in one.prober.standing.probing.rounds] == ["0123", "4567"]


async def test_without_a_schedule_each_version_is_asked_once(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(schedule_seconds=None))

    assert await one.round(LATE) == 1
    assert await one.round(LATE + 1000 * HOUR) == 0


async def test_the_engine_gone_for_a_moment_is_no_other_version(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan())
    await one.round(LATE)

    one.around = replace(one.around, engine=Engine("Unknown", error="refused"))

    assert await one.round(LATE + 1) == 0


async def test_replicas_share_a_round_without_gap_or_overlap(beside: Make) -> None:
    names = [f"p{n}" for n in range(7)]
    asked: list[str] = []
    for index in range(3):
        one = await beside()
        one.prober.configure(plan(*[setting(name) for name in names], index=index, of=3))
        await one.round(LATE)
        asked += [each[0] for each in one.results]

    assert sorted(asked) == names


def test_over_the_rounds_each_replica_is_asked_each_question() -> None:
    share = plan(index=1, of=3)
    started = schedule.round_at(share, NOW)

    turns = {n for n in range(3) if schedule.is_mine(share, 0, started + n * HOUR)}

    assert len(turns) == 1
    assert all(any(schedule.is_mine(share, item, started + n * HOUR) for n in range(3)) for item in range(7))


def test_monitors_begin_at_different_times_and_replicas_not_at_once() -> None:
    begun = {schedule.round_at(plan(seed=str(seed)), NOW) for seed in range(20)}
    after = {schedule.begins_after(plan(), f"uid-{n}", NOW) for n in range(20)}

    assert len(begun) == len(after) == 20
    assert max(after) <= schedule.JITTER_LIMIT_SECONDS


async def test_one_that_has_no_share_asks_nothing(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(of=0))

    assert await one.round(LATE) == 0


@pytest.mark.parametrize(
    ("engine", "live", "said"),
    [
        (Engine("vLLM", waiting=3, running=8), Live(), "3 requests wait"),
        (Engine("vLLM", waiting=0, kv_cache_use=0.95), Live(), "KV cache is 95%"),
        (Engine("x"), Live(in_flight=1), "does not say whether others wait"),
        (Engine("vLLM", waiting=0), Live(in_flight=1, seconds_without_progress=9.0), "no progress"),
    ],
)
async def test_a_busy_model_is_left_alone_and_asked_once_it_is_not(
    beside: Make, engine: Engine, live: Live, said: str
) -> None:
    one = await beside()
    one.prober.configure(plan())
    calm, one.around = one.around, replace(one.around, engine=engine, live=live)

    assert await one.round(LATE) == 0
    probing = one.prober.standing.probing
    assert (probing.waits, said in probing.message) == ("saturated", True)

    one.around = calm
    assert await one.round(LATE + 1) == 1
    assert one.prober.standing.probing.waits == ""


async def test_nothing_is_asked_while_the_model_loads_or_the_sidecar_is_stopped(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan())

    for around in (replace(one.around, listening=False), replace(one.around, working=False)):
        one.around = around
        assert await one.round(LATE) == 0


async def test_the_days_tokens_are_not_exceeded_and_come_back_with_the_next_day(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(*[setting(f"p{n}") for n in range(10)], tokens_per_day=60))

    assert await one.round(LATE) == 3  # 15 tokens each, and one more might take 17
    assert one.prober.standing.probing.waits == "budget"
    assert await one.round(LATE + HOUR) == 0
    assert await one.round(LATE + 25 * HOUR) == 3


async def test_a_share_of_the_replicas_is_a_share_of_the_tokens(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(*[setting(f"p{n}") for n in range(10)], tokens_per_day=120, index=0, of=2))

    assert await one.round(LATE) == 3


@pytest.mark.parametrize(
    ("status", "waits"),
    [(401, "unauthorized"), (403, "unauthorized"), (404, "unsupported"), (503, "saturated")],
)
async def test_a_refusal_is_said_and_not_repeated_at_once(beside: Make, status: int, waits: str) -> None:
    one = await beside(status=status)
    one.prober.configure(plan(setting(), setting("two")))

    await one.round(LATE)

    probing = one.prober.standing.probing
    assert (probing.waits, len(one.model.asked)) == (waits, 1)
    assert f"HTTP {status}" in probing.message
    assert "secret" not in probing.message
    assert await one.round(LATE + 5) == 0
    one.model.status = 200
    assert await one.round(LATE + 400) == 2


async def test_an_error_is_no_wrong_answer(beside: Make) -> None:
    one = await beside(status=500)
    one.prober.configure(plan(setting(), setting("two")))

    await one.round(LATE)

    assert one.results == [("sum", 0, 0, 1, "HTTP 500"), ("two", 0, 0, 1, "HTTP 500")]
    assert one.prober.standing.counts.unanswered == 2


async def test_the_credential_goes_as_a_bearer_token_only_where_the_owner_named_one(beside: Make) -> None:
    one = await beside(credential="key")
    one.prober.configure(plan(credential=True))
    await one.round(LATE)
    one.prober.configure(plan(credential=True, header="X-Api-Key"))
    await one.round(LATE)
    one.prober.configure(plan(credential=False))
    await one.round(LATE)

    first, second, third = one.model.headers
    assert first["Authorization"] == "Bearer key"
    assert (second["X-Api-Key"], "Authorization" in second) == ("key", False)
    assert "key" not in third.values()


async def test_a_line_end_behind_a_credential_is_not_part_of_it(beside: Make) -> None:
    """As Secrets made of files have; no header can carry it."""
    one = await beside(credential="sk-1\n")
    one.prober.configure(plan(credential=True))

    await one.round(LATE)

    assert one.model.headers[0]["Authorization"] == "Bearer sk-1"


async def test_a_clock_that_was_a_year_ahead_is_not_waited_for(beside: Make) -> None:
    one = await beside(status=503)
    one.prober.configure(plan(setting(), setting("two")))
    await one.round(LATE + 365 * 24 * HOUR)
    one.model.status = 200

    assert await one.round(LATE) == 0
    assert await one.round(LATE + 301) == 2


async def test_every_probe_bears_a_mark_that_is_good_once(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(setting(), setting("two")))

    await one.round(LATE)

    marks = [headers[HEADER] for headers in one.model.headers]
    assert [one.marks.is_ours(mark, LATE) for mark in [*marks, *marks]] == [True, True, False, False]
    assert one.on_air == [1, -1, 1, -1]


async def test_a_latency_probe_has_a_prefix_that_no_cache_knows(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(setting("slow", max_latency_seconds=5.0, repeats=2), setting()))

    await one.round(LATE)

    first, second, plain = [each["messages"][0]["content"] for each in one.model.asked]
    assert first != second
    assert first.endswith("]\n2+2?")
    assert plain == "2+2?"
    assert [each.get("temperature") for each in one.model.asked] == [None, None, 0]


async def test_another_plan_forgets_what_the_old_one_found(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan())
    await one.round(LATE)

    one.prober.configure(msgspec.structs.replace(plan(), index=0, of=2))
    assert len(one.prober.standing.probing.rounds) == 1
    one.prober.configure(plan(setting("other")))
    assert not one.prober.standing.probing.rounds
    one.prober.configure(None)
    assert one.prober.standing.probing == Probing(version="m vLLM 1")


async def test_a_suite_that_there_is_not_is_said(beside: Make) -> None:
    one = await beside()
    one.prober.configure(plan(suites=("no-such",)))

    await one.round(LATE)

    assert one.prober.standing.probing.unknown_suites == ("no-such",)
    assert len(one.results) == 1
