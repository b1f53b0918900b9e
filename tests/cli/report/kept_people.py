"""The same four weeks: what people made of answers and of findings, and which way conditions went."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from bench.anomaly.service import Fault, Minutes

from llmmonitor_api.conditions import Condition, Status
from llmmonitor_api.report.canaries import CanaryPrint
from llmmonitor_api.report.live_outcomes import NEGATIVE, NEUTRAL, POSITIVE
from llmmonitor_api.review import SUSPECTED, Verdict
from llmmonitor_operator.anomalies.cell import CELL_SECONDS
from llmmonitor_operator.condition_history import ConditionHistory, Step
from llmmonitor_operator.outcomes_kept import GIVEN, WITHDRAWN, OutcomesKept, with_outcomes
from llmmonitor_operator.review_kept import Batch, Judged, ReviewKept, Subject
from llmmonitor_operator.versions.canaries import Canaries, HourOfRounds, PodCanaries, Reference

_DAY = 86_400


def outcomes(minutes: Mapping[int, tuple[Minutes, Fault]], now: float) -> OutcomesKept:
    """Of the same minutes: after the incident of a week ago people ask again more often."""
    draw = random.Random(12)
    happened = []
    for at, (one, fault) in minutes.items():
        worse = 3.0 if fault.failing else 1.0
        answers = one.ended - one.failed
        rated = _some(0.02, answers, draw)
        liked = _some(max(0.0, 0.84 - 0.1 * worse), rated, draw)
        compared = _some(0.7, one.ended, draw)
        followed = _some(0.4, compared, draw)
        counts = {
            "requests": one.ended,
            "answers": answers,
            "identified": answers,
            "rated": rated,
            "compared": compared,
            "regenerated": _some(0.02 * worse, compared, draw),
            "followed": followed,
            "rephrased": _some(0.05 * worse, followed, draw),
            "begun": answers,
            "stopped": _some(0.04, answers, draw),
            GIVEN + POSITIVE: liked,
            GIVEN + NEUTRAL: _some(0.2, rated - liked, draw),
            GIVEN + NEGATIVE: _some(0.8, rated - liked, draw),
            WITHDRAWN + NEGATIVE: _some(0.02, rated, draw),
        }
        happened.append((at * CELL_SECONDS + 1.0, counts))
    return with_outcomes(OutcomesKept(), happened, now)


def review(now: float) -> ReviewKept:
    """Two people judged cases for two weeks; one detector of one kind is hardly ever right."""
    draw = random.Random(13)

    def batches(right: float, cases: int) -> tuple[Batch, ...]:
        found = []
        for n in range(cases // 5):
            judged = tuple(Judged(_said(right, draw), draw.randrange(2), 5 * n + place) for place in range(5))
            found.append(
                Batch(f"{n:04x}", draw.randrange(20, 90), 8, now - n * 0.9 * _DAY, judged, SUSPECTED, 60_000)
            )
        return tuple(found)

    subjects = {
        Subject("jailbreak", "injection-model", 1).key: batches(0.62, 80),
        Subject("promptInjection", "injection-rules", 1).key: batches(0.01, 90),
        Subject("piiExposed", "pii", 1).key: batches(0.9, 15),
        Subject("", "", 0).key: batches(0.97, 40),
    }
    people = ("system:serviceaccount:prod:anna", "system:serviceaccount:prod:ben")
    return ReviewKept(people, subjects, 225)


def _said(right: float, draw: random.Random) -> str:
    if draw.random() < 0.05:
        return Verdict.UNSURE.value
    return (Verdict.RIGHT if draw.random() < right else Verdict.WRONG).value


def canaries(now: float) -> Canaries:
    """A round every six hours; ten days ago the weights changed."""
    draw = random.Random(14)
    prints = tuple(CanaryPrint((n,), (-0.1,)) for n in range(14))
    changed = int(now - 10 * _DAY) // 3600
    hours = {}
    for hour in range(int(now) // 3600 - 27 * 24, int(now) // 3600, 6):
        distance = 0.31 if hour in {changed - 1, changed} else abs(draw.gauss(0.002, 0.001))
        hours[hour] = HourOfRounds(3, round(distance, 4), 0.012 if hour <= changed else 0.01)
    pods = {f"uid-{n}": PodCanaries(now - 3_000 - n, "2", 0.0021 + 0.0004 * n) for n in range(3)}
    references = (
        Reference("1", 1, prints, 212, 0.004, now - 10 * _DAY),
        Reference("2", 1, prints, 120, 0.003, now - 3_000),
    )
    return Canaries(references, pods, dict(sorted(hours.items())[-200:]))


def course(conditions: Iterable[Condition], now: float) -> ConditionHistory:
    """Each came to what it is now by way of the incident, where it was touched by it."""
    touched = {
        "Healthy": ("ObjectivesHold", "BurnRateHigh", "errors: 12 % bad of 2,412 in 1 h (limit 14.4 times)"),
        "PerformanceHealthy": (
            "ObjectivesHold",
            "BurnRateHigh",
            "errors: 12 % bad of 2,412 in 1 h (limit 14.4 times)",
        ),
        "Intercepting": ("TrafficRead", "StarvedOfCPU", "support-chat-1: stepped aside 3 times in 1 h"),
        "QualityHealthy": ("ProbesPass", "ProbeFailed", "greeting: 3 of 3 answers failed (contains)"),
    }
    steps = {}
    for one in conditions:
        since = int(one.last_transition_time.timestamp()) if one.last_transition_time else int(now)
        found = [Step(int(now) - 25 * _DAY, Status.UNKNOWN, "NoReports", "no report has come yet")]
        if one.type in touched:
            well, ill, words = touched[one.type]
            ago = int(now - 8.4 * _DAY)
            found += [
                Step(int(now) - 25 * _DAY + 600, Status.TRUE, well, "all of it holds"),
                Step(ago, Status.FALSE, ill, words),
                Step(ago + 5 * 3600, Status.TRUE, well, "all of it holds"),
            ]
        else:
            found.append(Step(int(now) - 25 * _DAY + 900, Status.TRUE, "WithinLimits", "within its limits"))
        if found[-1].status is not one.status:
            found.append(Step(max(since, found[-1].at + 900), one.status, one.reason, one.message[:160]))
        steps[one.type] = tuple(found)
    return ConditionHistory(steps, {"Intercepting": 12})


def _some(share: float, of: int, draw: random.Random) -> int:
    mean = share * of
    return max(0, min(of, round(draw.gauss(mean, max(0.0, mean * (1 - share)) ** 0.5))))
