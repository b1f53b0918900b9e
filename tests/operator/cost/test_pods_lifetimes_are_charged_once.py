from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from tests.operator.cost.conftest import A_DOLLAR, HOUR, MIDNIGHT, MINUTE, SECOND, Cluster, hours

from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.ledger import Ledger
from llmmonitor_operator.cost.price import Price

Make = Callable[..., Cluster]
PER_GPU = Price("USD", Decimal(1), PricedBy.GPU)
PER_NODE = Price("USD", Decimal(1), PricedBy.NODE)


def test_every_part_is_told_by_readiness_and_reports(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start(ready=False, ready_changed_at=MIDNIGHT)
    one.look(10 * MINUTE)
    one.pods["a"] = replace(one.pods["a"], ready=True, ready_changed_at=MIDNIGHT + 12 * MINUTE)
    one.now += 5 * MINUTE
    one.report("a", MINUTE)
    one.look()
    one.now += 5 * MINUTE
    one.report("a", 2 * MINUTE)
    one.look()

    spent = one.spent()
    minutes = [hours(part) * 60 for part in spent.parts]
    assert minutes == pytest.approx([3, 5, 12, 0, 0])
    assert spent.total == 20 * MINUTE * A_DOLLAR.units_per_ms


def test_time_with_probes_alone_is_charged_to_them(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.now += 10 * MINUTE
    one.report("a", 3 * MINUTE, probing=2 * MINUTE)
    one.look()
    one.now += 10 * MINUTE
    one.report("a", 0, probing=10 * MINUTE)
    one.look()

    spent = one.spent()
    assert [hours(part) * 60 for part in spent.parts] == pytest.approx([3, 5, 0, 12, 0])
    assert spent.total == 20 * MINUTE * A_DOLLAR.units_per_ms


def test_a_worker_is_probed_as_much_as_those_that_answer(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.start("worker", works_for_others=True)
    one.now += 10 * MINUTE
    one.report("a", 4 * MINUTE, probing=MINUTE)
    one.look()

    assert [hours(part) * 60 for part in one.spent().parts] == pytest.approx([8, 10, 0, 2, 0])


def test_a_second_look_at_the_same_time_adds_nothing(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    once = one.look(HOUR)

    assert one.look() == once


def test_a_pod_that_never_reports_costs_as_much_and_is_not_called_idle(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.look(HOUR)

    assert [hours(part) for part in one.spent().parts] == [0, 0, 0, 0, 1]


def test_a_pod_from_before_is_charged_from_the_first_look_on(cluster: Make) -> None:
    one = cluster()
    one.start(scheduled_at=MIDNIGHT - 100 * HOUR)
    one.look()
    one.look(HOUR)

    assert hours(one.spent().total) == 1


def test_a_pod_that_came_and_went_between_two_looks_is_charged_its_life(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start(scheduled_at=MIDNIGHT + 10 * SECOND, ended=True, ended_at=MIDNIGHT + 40 * SECOND)
    one.look(MINUTE)
    one.look(HOUR)

    assert one.spent().device_ms == 30 * SECOND


def test_an_operator_that_was_away_charges_what_it_missed_and_its_busy_share(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.now += 15 * SECOND
    one.report("a", 0)
    one.look()
    kept = one.ledger
    one.look(4 * MINUTE)  # charged, and never saved
    one.ledger = kept
    one.now = MIDNIGHT + 3 * HOUR
    one.report("a", HOUR)
    one.look()

    spent = one.spent()
    assert hours(spent.total) == 3
    assert hours(spent.busy) == pytest.approx(1, rel=2e-3)
    assert spent.unobserved == 0


def test_a_pod_that_ended_while_nobody_looked_is_charged_until_it_was_seen_and_counted(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start("a")
    one.start("b")
    one.look(MINUTE)
    del one.pods["a"]
    one.look(HOUR)
    del one.pods["b"]
    one.look(15 * SECOND)

    spent = one.spent()
    assert spent.device_ms == 2 * MINUTE + HOUR
    assert spent.ends_unseen == 1


def test_a_report_that_is_late_is_bridged_and_one_that_stays_away_is_not(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    for _ in range(4):
        one.now += 15 * SECOND
        one.report("a", 5 * SECOND)
        one.look()
    one.look(30 * SECOND)
    assert one.spent().unobserved == 0
    assert hours(one.spent().busy) * 3600 == pytest.approx(30, rel=1e-3)

    one.look(HOUR)
    assert hours(one.spent().unobserved) == 1


def test_a_sidecar_of_an_older_version_tells_nothing(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.now += HOUR
    one.report("a", 0, 0)
    one.look()

    assert [hours(part) for part in one.spent().parts] == [0, 0, 0, 0, 1]


def test_gpus_are_charged_and_pods_without_one_are_not(cluster: Make) -> None:
    one = cluster(PER_GPU)
    one.look()
    one.start("a", gpus=8)
    one.start("b", gpus=0)
    one.look(HOUR)

    assert hours(one.spent().total) == 8


def test_workers_are_as_busy_as_those_that_answer(cluster: Make) -> None:
    one = cluster(PER_GPU)
    one.look()
    one.start("leader", gpus=1)
    one.start("worker", gpus=3, works_for_others=True)
    one.now += HOUR
    one.report("leader", HOUR // 4)
    one.look()

    assert [hours(part) for part in one.spent().parts] == [1, 3, 0, 0, 0]


def test_a_node_is_charged_once_as_its_busiest_pod_spent_it(cluster: Make) -> None:
    one = cluster(PER_NODE)
    one.look()
    one.start("a", node="n")
    one.start("b", node="n", ready=False)
    one.start("c", node="m")
    one.now += HOUR
    one.report("a", HOUR // 2)
    one.look()
    one.start("d", node="n")
    one.look(HOUR)

    spent = one.spent()
    assert hours(spent.total) == 4
    assert hours(spent.busy) == 0.5
    assert spent.loading == 0


def test_a_nodes_time_before_another_pod_came_is_its_first_pods(cluster: Make) -> None:
    one = cluster(PER_NODE)
    one.look()
    one.start("a", node="n", ready=False)
    one.now += HOUR
    one.start("b", node="n")
    one.now += HOUR
    one.report("b", HOUR)
    one.look()

    assert [hours(part) for part in one.spent().parts] == [1, 0, 1, 0, 0]


def test_a_changed_price_or_currency_begins_a_line_and_currencies_are_never_added(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.look(HOUR)
    for price in (Price("USD", Decimal("2.5"), PricedBy.POD), Price("EUR", Decimal(1), PricedBy.POD)):
        one.price = price
        one.look()
        one.look(HOUR)

    assert [(line.currency, line.amount) for line in one.ledger.lines] == [
        ("USD", "1"),
        ("USD", "2.5"),
        ("EUR", "1"),
    ]
    assert hours(one.spent("USD").total) == 3.5
    assert hours(one.spent("EUR").total) == 1


def test_time_belongs_to_the_price_that_was_in_force_when_it_began(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.price = Price("USD", Decimal(100), PricedBy.POD)
    one.look(HOUR)
    one.look(HOUR)

    assert hours(one.spent().total) == 101


def test_time_without_a_price_is_not_charged_later(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    one.look(HOUR)
    one.price = None
    one.look(HOUR)
    one.look(HOUR)
    one.price = A_DOLLAR
    one.look()
    one.look(HOUR)

    assert hours(one.spent().total) == 2


@pytest.mark.parametrize("ahead", [30 * SECOND, 3 * HOUR, 40 * 24 * HOUR])
def test_a_clock_that_was_ahead_charges_no_day_twice_and_none_to_come(cluster: Make, ahead: int) -> None:
    one = cluster()
    one.look()
    one.start()
    one.look(HOUR)
    one.look(ahead)
    one.now -= ahead
    for _ in range(48):
        one.look(HOUR)

    assert hours(one.spent().total) == 49
    assert sum(len(line.days) for line in one.ledger.lines) == 3


def test_a_ledger_is_bounded_in_days_and_lines(cluster: Make) -> None:
    one = cluster()
    one.look()
    one.start()
    for day in range(600):
        if day % 20 == 0:
            one.price = Price("USD", Decimal(day + 1), PricedBy.POD)
        one.look(24 * HOUR)

    ledger: Ledger = one.ledger
    assert len(ledger.lines) == 16
    assert sum(len(line.days) for line in ledger.lines) <= 416
    whole = sum(24 * (day // 20 * 20 + 1) for day in range(200, 600))
    assert hours(one.spent().total) == pytest.approx(whole, rel=0.01)
    assert msgspec.convert(msgspec.to_builtins(ledger), Ledger) == ledger
