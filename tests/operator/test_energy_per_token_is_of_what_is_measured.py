from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_energy_per_token_is_of_pods_that_measure_it(watch: Make) -> None:
    one = watch()
    measuring, blind = one.replica(0), one.replica(1)
    for _ in range(2):
        for replica in (measuring, blind):
            replica.serve(10)  # 100 tokens each
        measuring.totals.gpu_energy_millijoules += 400_000
        evaluation = one.gather([measuring, blind], 15)

    performance = evaluation.status["performance"]

    assert (performance["energyPerTokenJoules"], performance["energyTokens"]) == (0.4, 2000)


def test_energy_that_an_older_operator_did_not_count_is_not_charged_to_the_next_tokens(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    one.gather([replica], 15)
    replica.serve(10)
    replica.totals.gpu_energy_millijoules = 10**9  # of days, as the first operator sees it that counts energy
    first = one.gather([replica], 15).status["performance"]
    replica.serve(10)
    replica.totals.gpu_energy_millijoules += 250_000

    second = one.gather([replica], 15).status["performance"]

    assert "energyPerTokenJoules" not in first
    assert (second["energyPerTokenJoules"], second["energyTokens"]) == (0.25, 1000)


def test_energy_per_token_is_not_told_where_tokens_are_lower_bounds(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    replica.totals.gpu_energy_millijoules = 400_000
    [series] = replica.totals.traffic.values()
    series.completion_tokens_counted = 60

    assert "energyPerTokenJoules" not in one.gather([replica], 15).status["performance"]
