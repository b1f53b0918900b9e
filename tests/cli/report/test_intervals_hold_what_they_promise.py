from __future__ import annotations

import math
import random

import pytest

from llmmonitor_cli.report.statistics import geometric_mean, share
from llmmonitor_operator.evaluate.wording import wilson_interval

TRIALS = 400


def held(times: int) -> float:
    """The least share of trials that a 95 % interval may hold in: three standard errors less."""
    return 0.95 - 3 * math.sqrt(0.95 * 0.05 / times)


def test_failures_that_come_in_clusters_widen_the_interval_of_their_share() -> None:
    draw = random.Random(1)
    ours = alone = 0
    for _ in range(TRIALS):
        days = []
        for _ in range(28):
            p = draw.betavariate(0.5, 24.5)
            days.append((float(sum(draw.random() < p for _ in range(200))), 200.0))
        found = share(days)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        ours += found.low <= 0.02 <= found.high
        low, high = wilson_interval(sum(part for part, _ in days), sum(whole for _, whole in days))
        alone += low <= 0.02 <= high

    assert ours / TRIALS >= 0.90  # days this skewed cost some of the promise, and are said to be 95 %
    assert alone / TRIALS < 0.7


def test_of_days_that_are_alike_a_mean_is_in_its_interval_as_often_as_said() -> None:
    draw = random.Random(2)
    holds = 0
    for _ in range(TRIALS):
        days = [(draw.gauss(-1.0, 0.3), float(draw.randrange(50, 150))) for _ in range(20)]
        found = geometric_mean(days)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        holds += found.low <= math.exp(-1.0) <= found.high

    assert holds / TRIALS >= held(TRIALS)


def test_few_stretches_have_no_interval() -> None:
    found = share([(1.0, 10.0), (2.0, 10.0), (0.0, 10.0)])

    assert found is not None
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high, found.stretches) == (None, None, 3)
    assert share([(0.0, 0.0)]) is None
    assert geometric_mean([(0.0, 0.0)]) is None


def test_no_failure_at_all_is_not_proof_of_none() -> None:
    found = share([(0.0, 100.0)] * 10)

    assert found is not None
    assert found.value == 0.0
    assert found.high is not None
    assert 0.001 < found.high < 0.01
