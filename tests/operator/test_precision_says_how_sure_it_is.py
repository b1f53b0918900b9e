from __future__ import annotations

import random

import pytest

from llmmonitor_operator.distributions.beta import lower_tail, quantile
from llmmonitor_operator.evaluate.precision import interval, precision
from llmmonitor_operator.review_kept import Batch, Judged


def batch(name: str, population: int, *said: tuple[str, int], person: int = 0) -> Batch:
    """Each verdict, and of which client's case."""
    judged = tuple(Judged(verdict, person, client) for verdict, client in said)
    return Batch(name, population, len(said), 0.0, judged)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (8, 10, 0.4439, 0.9748), (3, 30, 0.0211, 0.2653)],
)
def test_the_interval_of_equal_cases_is_clopper_and_pearsons(
    right: int, of: int, low: float, high: float
) -> None:
    assert interval(right, of) == pytest.approx((low, high), abs=1e-4)  # as R's binom.test gives them


def test_the_beta_distribution_is_that_of_order_statistics() -> None:
    assert lower_tail(0.3, 1, 1) == pytest.approx(0.3)
    assert lower_tail(0.5, 3, 3) == pytest.approx(0.5)
    assert lower_tail(quantile(0.9, 4.5, 0.7), 4.5, 0.7) == pytest.approx(0.9)


def test_without_a_verdict_that_says_something_there_is_no_figure() -> None:
    assert precision([]) is None
    assert precision([batch("a", 5, ("unsure", 1), ("unsure", 2))]) is None


def test_a_case_counts_for_as_many_as_it_was_drawn_from() -> None:
    found = precision(
        [
            batch("common", 900, ("right", 1), ("right", 2), ("right", 3)),
            batch("rare", 100, ("wrong", 4), ("wrong", 5), ("unsure", 6), person=1),
        ]
    )

    assert found is not None
    assert found.value == pytest.approx(0.9)
    assert (found.verdicts, found.people) == (5, 2)
    assert found.worth < 5  # since weights differ


def test_cases_of_one_client_tell_little_of_others() -> None:
    of_one = precision([batch("a", 40, *[("wrong", 1)] * 30)])
    of_three = precision([batch("a", 40, *[("wrong", n % 3) for n in range(30)])])
    of_thirty = precision([batch("a", 40, *[("wrong", n) for n in range(30)])])

    assert of_one is not None
    assert of_three is not None
    assert of_thirty is not None
    assert of_one.high > 0.95
    assert of_one.high > of_three.high > of_thirty.high
    assert of_thirty.high == pytest.approx(0.1157, abs=1e-3)


def simulated(rng: random.Random, clients: int, spread: float) -> tuple[float, list[Batch]]:
    """A population whose clients differ, eight cases of each of five batches judged; its true precision."""
    of_client = [min(1.0, max(0.0, rng.gauss(0.3, spread))) for _ in range(clients)]
    batches, right, everybody = [], 0, 0
    for number in range(5):
        size = rng.choice([8, 40, 200, 1_000])
        population = [
            (client, rng.random() < of_client[client]) for client in rng.choices(range(clients), k=size)
        ]
        right += sum(one for _, one in population)
        everybody += size
        drawn = rng.sample(population, 8)
        said = [("right" if one else "wrong", client) for client, one in drawn]
        batches.append(batch(str(number), size, *said))
    return right / everybody, batches


@pytest.mark.parametrize(("clients", "spread"), [(1_000, 0.0), (40, 0.2), (6, 0.3)])
def test_the_interval_holds_the_truth_as_often_as_it_says(clients: int, spread: float) -> None:
    rng, held, runs = random.Random(clients), 0, 400
    for _ in range(runs):
        truth, batches = simulated(rng, clients, spread)
        found = precision(batches)
        assert found is not None
        held += found.low <= truth <= found.high

    assert held / runs >= 0.93  # nominal 95 %, less three standard errors of 400 runs
