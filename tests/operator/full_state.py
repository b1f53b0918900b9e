"""States in which every cell of every tier is filled, and whatever is kept is at its largest."""

from __future__ import annotations

import math
import random
import uuid

from llmmonitor_api.conditions import Status
from llmmonitor_api.conditions.table import CONDITION_TYPES
from llmmonitor_api.report.engine_counts import Compared, EngineCounts, EngineHistogram, Pair
from llmmonitor_api.report.features import BUCKETS_LIMIT, FEATURES_LIMIT
from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.probing import RESULTS_LIMIT, SCENARIOS_LIMIT
from llmmonitor_api.report.report import InterceptionState, Live
from llmmonitor_api.report.totals import InterceptionCounts, objective_key
from llmmonitor_api.review import Verdict
from llmmonitor_operator.condition_history import STEPS_LIMIT, WORDS_LIMIT, ConditionHistory, Step
from llmmonitor_operator.cost.ledger import DAYS_LIMIT, Account, Ledger, Line, Spent
from llmmonitor_operator.drift.window import Window
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.oom_kills import KILLS_LIMIT, OOMKill
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.quality_kept import PAIRS_LIMIT, ROUNDS_LIMIT, Outcome, PairsKept, QualityKept, Round
from llmmonitor_operator.review_kept import BATCHES_LIMIT, PEOPLE_LIMIT, Batch, Judged, ReviewKept, Subject
from llmmonitor_operator.state import Pod, Source, State
from llmmonitor_operator.versions import canaries
from llmmonitor_operator.versions.history import (
    HOURS_LIMIT,
    PARTS_LIMIT,
    PAST_LIMIT,
    VERSIONS_LIMIT,
    WHAT_LIMIT,
    History,
    ModelChange,
    Version,
)
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, Count, Tier

NOW = 1_800_000_000.0
CAPACITY = 8
"""Cases of a batch."""
DISTINCT_SOURCES = 64
"""More pods than that count what others do: deflate, which looks back by 32 KiB, does not see it."""
MODELS, VERSIONS = 20, 3
REQUESTS_PER_SECOND = 10


def histogram(rng: random.Random, requests: int, mean_log: float, spread: float) -> Histogram:
    """As random as that of so many lognormal values, without drawing each."""
    made = Histogram()
    for step in range(-300, 301):
        deviation = 0.01 * step
        expected = requests * 0.01 * math.exp(-(deviation**2) / 2) / math.sqrt(2 * math.pi)
        count = round(rng.gauss(expected, math.sqrt(expected)))
        if count > 0:
            made.record(math.exp(mean_log + spread * deviation), count)
    return made


def figures(rng: random.Random, requests: int) -> Figures:
    """As much as happens in a cell."""
    return Figures(
        begun=requests,
        outcomes={"ok": requests - 5, "aborted": 3, "server_error": 2},
        completion_tokens_exact=rng.randrange(10**9),
        token_sources={"usage": requests},
        time_to_first_token=histogram(rng, requests, -1, 0.6),
        time_per_output_token=histogram(rng, requests, -3.5, 0.4),
        duration=histogram(rng, requests, 1.5, 0.8),
        interception=InterceptionCounts(accepted=requests, bytes_to_client=rng.randrange(10**12)),
        engine=EngineCounts(
            prompt_tokens=rng.randrange(10**9),
            generation_tokens=rng.randrange(10**9),
            preemptions=rng.randrange(100),
            finished_requests={"stop": requests, "length": rng.randrange(100), "abort": 3},
            time_to_first_token=EngineHistogram(rng.randrange(10**14), {}, requests),
            time_per_output_token=EngineHistogram(rng.randrange(10**15), {}, 100 * requests),
        ),
        compared=Compared(
            *(pair(rng, requests), requests, pair(rng, 10**9), pair(rng, 10**9)),
            *(requests, rng.randrange(9), pair(rng, requests), pair(rng, 10**14)),
        ),
    )


def pair(rng: random.Random, most: int) -> Pair:
    count = rng.randrange(most)
    return Pair(count, count - rng.randrange(1 + count // 100))


def full_ledger(rng: random.Random, accounts: dict[str, Account]) -> Ledger:
    """Four GPUs at 2.50, for as long as is kept."""
    today, whole = int(NOW) // 86_400, 4 * 86_400_000
    days = {}
    for n in range(DAYS_LIMIT):
        loading, busy, answered = rng.randrange(10**6), rng.randrange(whole // 2), rng.randrange(10**6)
        days[today - n] = Spent(
            busy=2_500_000 * busy,
            idle=2_500_000 * (whole - busy - loading),
            loading=2_500_000 * loading,
            device_ms=whole,
            prompt_tokens=rng.randrange(10**9),
            completion_tokens=rng.randrange(10**9),
            answered=answered,
            exact=answered,
            counted=rng.randrange(100),
        )
    now = int(NOW * 1000)
    return Ledger((Line("USD", "2.50", "GPU", now - DAYS_LIMIT * 86_400_000, now, days),), accounts, now)


def full_state(objectives: int, replicas: int) -> State:
    """Every cell of every tier is filled."""
    rng = random.Random(7)
    keys = [
        objective_key(f"objective-{n}", "TimeToFirstToken", "800ms", ("lora",)) for n in range(objectives)
    ]

    def counts(tier: Tier) -> dict[int, Count]:
        events = REQUESTS_PER_SECOND * tier.cell_seconds
        cells = range(tier.index(NOW) - tier.cells + 1, tier.index(NOW) + 1)
        return {
            cell: Count(rng.randint(events * 4 // 5, events), rng.randint(0, events // 100 + 1))
            for cell in cells
        }

    def cells(tier: Tier) -> dict[int, PackedFigures]:
        requests = REQUESTS_PER_SECOND * tier.cell_seconds
        return {tier.index(NOW) - n: PackedFigures(figures(rng, requests)) for n in range(tier.cells)}

    accounts = {
        f"{n:08x}-1111-4222-8333-444455556666": Account(
            ready=True, boot_id=f"{n:032x}", at=int(NOW * 1000) - n, busy=rng.randrange(10**14)
        )
        for n in range(replicas)
    }
    sources: list[PackedFigures] = []

    def source(number: int) -> PackedFigures:
        if number < DISTINCT_SOURCES:
            sources.append(PackedFigures(figures(rng, 30_000)))
        return sources[number % DISTINCT_SOURCES]

    return State(
        cost=full_ledger(rng, accounts),
        pods={
            f"{n:08x}-1111-4222-8333-444455556666": Pod(
                boots=(
                    Source(
                        pod_name=f"chat-7d9f8b6c5-{n:05x}",
                        boot_id=f"{n:032x}",
                        started_at=NOW - 86_400,
                        sequence=5760,
                        at=NOW - n,
                        configuration_generation=3,
                        packed=source(n),
                        objectives={key: Count(rng.randrange(10**7), rng.randrange(10**4)) for key in keys},
                        live=Live(),
                        interception=InterceptionState("transparent", reading=True),
                    ),
                )
            )
            for n in range(replicas)
        },
        counts=tuple({key: counts(tier) for key in keys} for tier in COUNT_TIERS),
        figures=tuple(cells(tier) for tier in FIGURE_TIERS),
        figures_from=tuple(NOW - tier.reach_seconds for tier in FIGURE_TIERS),
        newest_at=NOW,
        events_at=dict.fromkeys(keys, NOW),
    )


def full_history(rng: random.Random, replicas: int, parts: int = PARTS_LIMIT) -> History:
    """With as many versions, arguments and hours as there may be."""
    hours = {
        objective_key(f"objective-{n}", "TimeToFirstToken", "800ms", ("lora",)): {
            int(NOW // 3600) - hour: Count(rng.randrange(10**6), rng.randrange(10**4))
            for hour in range(HOURS_LIMIT)
        }
        for n in range(20)
    }
    versions = tuple(
        Version(
            name=f"{n:012x}",
            parts={f"--argument-{part}": rng.randbytes(64).hex() for part in range(parts)},
            first_seen=NOW - n,
            last_seen=NOW,
            hours=hours,
        )
        for n in range(VERSIONS_LIMIT)
    )
    running = {str(uuid.UUID(int=rng.getrandbits(128))): versions[n % 10].name for n in range(replicas * 2)}
    return History("Fingerprint", versions=versions, running=running, changes=9, changed_at=NOW)


def full_past(rng: random.Random) -> tuple[ModelChange, ...]:
    """As many changes as are kept, no two alike."""
    return tuple(
        ModelChange(
            NOW - rng.random() * 1e7,
            f"chat-{rng.randbytes(20).hex()}",
            rng.randbytes(6).hex(),
            rng.randbytes(6).hex(),
            rng.randbytes(WHAT_LIMIT // 2).hex(),
        )
        for _ in range(PAST_LIMIT)
    )


def full_hours(rng: random.Random) -> dict[int, canaries.HourOfRounds]:
    """As many hours with rounds of canaries as are kept."""
    first = int(NOW // 3600) - canaries.HOURS_LIMIT
    return {
        first + n: canaries.HourOfRounds(rng.randrange(100), round(rng.random(), 4), round(rng.random(), 4))
        for n in range(canaries.HOURS_LIMIT)
    }


def full_kills(rng: random.Random) -> tuple[OOMKill, ...]:
    """As many moments as are kept, each of another pod."""
    ends = sorted(NOW - rng.random() * 1e7 for _ in range(KILLS_LIMIT))
    return tuple(
        OOMKill(str(uuid.UUID(int=rng.getrandbits(128))), f"chat-{rng.randbytes(20).hex()}", at, 9, at + 80)
        for at in ends
    )


def full_quality(rng: random.Random) -> QualityKept:
    """With as many rounds, results and pairs as there may be."""

    def one_round(number: int) -> Round:
        results = {
            f"suite-{n % 8}/{rng.randbytes(16).hex()}": Outcome(
                3, rng.randrange(3), 0, rng.randbytes(40).hex()
            )
            for n in range(RESULTS_LIMIT)
        }
        return Round(NOW - number, f"{number:012x}", "plan", RESULTS_LIMIT, NOW, results)

    pairs = tuple(
        PairsKept(
            f"gender-{n}", f"{n:012x}", 1, ("a", "b"), "".join(rng.choices("?0cb+-", k=SCENARIOS_LIMIT))
        )
        for n in range(PAIRS_LIMIT)
    )
    return QualityKept(tuple(map(one_round, range(ROUNDS_LIMIT))), one_round(9), pairs)


def full_window(rng: random.Random) -> Window:
    """That is about to be closed."""
    buckets = {n: rng.randrange(10**6) for n in range(BUCKETS_LIMIT)}
    return Window(counts={f"feature-{n}": buckets for n in range(FEATURES_LIMIT)})


def full_review(rng: random.Random) -> ReviewKept:
    """As many batches as are kept, all of them judged by several people, of clients that are all others."""
    said = [one.value for one in Verdict]
    batches = tuple(
        Batch(
            rng.randbytes(8).hex(),
            rng.randrange(10**6),
            CAPACITY,
            NOW - rng.randrange(10**6) - rng.random(),
            tuple(
                Judged(rng.choice(said), rng.randrange(PEOPLE_LIMIT), CAPACITY * n + place)
                for place in range(CAPACITY)
            ),
            "suspected",
            rng.randrange(10**8),
        )
        for n in range(BATCHES_LIMIT)
    )
    people = tuple(f"system:serviceaccount:prod:reviewer-{n:03d}" for n in range(PEOPLE_LIMIT))
    return ReviewKept(people, {Subject("jailbreak", "injection-model", 1).key: batches}, 10**5)


def full_conditions(rng: random.Random) -> ConditionHistory:
    """Of every condition as many changes as are kept, each with as long a message of other figures."""

    def words() -> str:
        text = ""
        while len(text) < WORDS_LIMIT:
            text += f"errors {rng.random():.3g} % bad of {rng.randrange(10**5)} in 1 h (limit 1 %), "
        return text[:WORDS_LIMIT]

    return ConditionHistory(
        {
            kind.name: tuple(
                Step(int(NOW) - 5_000 * (STEPS_LIMIT - n), rng.choice(list(Status)), reason.name, words())
                for n, reason in enumerate(rng.choices(kind.reasons, k=STEPS_LIMIT))
            )
            for kind in CONDITION_TYPES
        },
        {kind.name: rng.randrange(10**4) for kind in CONDITION_TYPES},
    )
