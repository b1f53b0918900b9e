from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from tests.operator.conftest import monitor_with
from tests.operator.cost.conftest import HOUR, MIDNIGHT, Cluster

from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_api.status import MonitorStatus
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.cost.ledger import restored
from llmmonitor_operator.cost.price import Price
from llmmonitor_operator.evaluate import Environment, Evaluation, ExpectedPod, evaluate
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.state import State

Make = Callable[..., Cluster]
DAY = 24 * HOUR
POD = ExpectedPod(uid="a", name="chat-a", expected_since=0.0)


def judged(one: Cluster, **cost: object) -> Evaluation:
    """By a monitor with this section, as of now."""
    price = one.price
    rate = {} if price is None else {"hourlyRate": {"amount": str(price.amount), "per": price.per.value}}
    currency = {} if price is None else {"currency": price.currency}
    monitor = monitor_with(cost=rate | currency | cost)
    environment = Environment(cluster=True, pods=(POD,))
    return evaluate(monitor, State(cost=one.ledger), one.now / 1000, environment)


def said(result: Evaluation) -> tuple[str, str, str]:
    one = next(one for one in result.conditions if one.type == "WithinBudget")
    return str(one.status), one.reason, one.message


def run(one: Cluster, hours: int) -> None:
    one.look()
    if not one.pods:
        one.start()
    for _ in range(hours):
        one.look(HOUR)


def a_dollar_an_hour(cluster: Make, days: float) -> Cluster:
    """From the first of January on."""
    one = cluster()
    run(one, round(24 * days))
    return one


def test_without_a_price_or_a_budget_nothing_is_judged(cluster: Make) -> None:
    free = cluster(None)

    assert said(judged(free))[:2] == ("Unknown", "NoPrice")
    assert said(judged(a_dollar_an_hour(cluster, 1))) == (
        "Unknown",
        "NotConfigured",
        "no budget is set (spec.cost.budget); 24.00 USD spent in 2025-01 so far",
    )


def test_a_spent_budget_is_overrun_at_once(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 1)

    assert said(judged(one, budget={"amount": 24}))[1] == "BaselineIncomplete"
    assert said(judged(one, budget={"amount": "23.999999"})) == (
        "False",
        "Overrun",
        "24.00 USD spent in 2025-01 so far > budget 24.00 USD",
    )


def test_before_seven_full_days_there_is_no_forecast(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 6.5)

    status, reason, message = said(judged(one, budget={"amount": 200}))

    assert (status, reason) == ("Unknown", "BaselineIncomplete")
    assert message.endswith("a forecast needs 7 full days, the ledger has 6 full days")

    noon = cluster(now=MIDNIGHT + 12 * HOUR)
    run(noon, 7 * 24)
    assert said(judged(noon, budget={"amount": 200}))[1] == "BaselineIncomplete"
    run(noon, 12)
    assert said(judged(noon, budget={"amount": 200}))[1] == "OverrunForecast"


def test_an_overrun_is_forecast_with_its_day_and_interval(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 14)

    status, reason, message = said(judged(one, budget={"amount": 590}))

    assert (status, reason) == ("False", "OverrunForecast")
    assert message.startswith("forecast 744.00 USD (80 % interval 7")
    assert "> budget 590.00 USD for 2025-01 from 14 full days" in message
    assert "overrun expected on 2025-01-25 (80 % interval 2025-01-25 to 2025-01-26)" in message
    assert message.endswith("336.00 USD spent in 2025-01 so far")


def test_what_only_may_overrun_is_said_and_is_not_false(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 14)

    status, reason, message = said(judged(one, budget={"amount": 740}))

    assert (status, reason) == ("True", "MayOverrun")
    assert message.startswith("may overrun: forecast 744.00 USD (80 % interval 7")
    assert "to the period's end)" in message
    assert said(judged(one, budget={"amount": 900}))[:2] == ("True", "UnderBudget")


def test_a_period_begins_anew_and_its_forecast_knows_the_days_before(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 14)
    week = {"amount": 100, "period": "Week"}

    assert said(judged(one, budget=week))[:2] == ("False", "OverrunForecast")
    run(one, 5 * 24)  # until Sunday's end

    status = judged(one, budget=week).status["cost"]
    assert (status["periodStart"], status["spent"]) == ("2025-01-20T00:00:00Z", "0")
    assert said(judged(one, budget={"amount": 100, "period": "Day"}))[:2] == ("True", "UnderBudget")


def test_days_at_another_price_count_at_todays(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 14)
    one.price = Price("USD", Decimal(2), PricedBy.POD)
    one.look()

    _, reason, message = said(judged(one, budget={"amount": 1000}))

    assert reason == "OverrunForecast"
    assert message.startswith("forecast 1,152.00 USD")  # 336 + 17 days of 48
    assert message.endswith("at 2 prices one after the other, now 2 USD per Pod and hour")


def test_a_price_that_follows_a_market_by_the_hour_keeps_its_forecast(cluster: Make) -> None:
    one = cluster()
    run(one, 0)
    for hour in range(14 * 24):
        one.price = Price("USD", Decimal(1) + Decimal(hour % 2) / 10, PricedBy.POD)
        one.look()
        one.look(HOUR)

    _, reason, message = said(judged(one, budget={"amount": 1000}))

    assert reason == "UnderBudget"
    assert "from 14 full days" in message
    assert message.endswith("at more than 2 prices one after the other, now 1.1 USD per Pod and hour")


@pytest.mark.parametrize("between", [PricedBy.GPU, None], ids=["by another device", "by nothing for a week"])
def test_days_that_count_something_else_are_in_no_forecast(cluster: Make, between: PricedBy | None) -> None:
    one = a_dollar_an_hour(cluster, 10)
    one.price = None if between is None else Price("USD", Decimal(1), between)
    run(one, 7 * 24)
    for hour in range(20):
        one.price = Price("USD", Decimal(1 + hour), PricedBy.POD)
        one.look()
        one.look(HOUR)

    _, reason, message = said(judged(one, budget={"amount": 100_000}))

    assert (reason, "the ledger has 0 full days" in message) == ("BaselineIncomplete", True)


def test_another_currency_is_not_added_and_is_said(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 14)
    one.price = Price("EUR", Decimal(1), PricedBy.POD)
    run(one, 24)

    _, reason, message = said(judged(one, budget={"amount": 100}))

    assert reason == "BaselineIncomplete"
    assert "24.00 EUR spent in 2025-01 so far" in message
    assert "counted since 2025-01-15T00:00:00Z" in message
    assert message.endswith("336.00 USD of the same time are not added")


def test_days_restored_through_a_checkpoint_are_said(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 12)
    state = decode(encode(State(cost=one.ledger)).data)
    assert state.cost == one.ledger
    one.ledger = restored(state.cost, one.now)
    run(one, 48)

    message = said(judged(one, budget={"amount": 600}))[2]

    assert "12 of the 14 full days restored from the checkpoint at 2025-01-13T00:00:00Z" in message


def test_pods_whose_end_nobody_saw_and_a_price_that_fits_none_are_said(cluster: Make) -> None:
    one = cluster(Price("USD", Decimal(1), PricedBy.GPU))
    one.look()
    one.start(gpus=0)
    one.look(HOUR)
    del one.pods["a"]
    one.look(HOUR)

    message = said(judged(one))[2]

    assert "1 pod ended while no operator looked, charged until last seen" in message
    assert "the price is per GPU, and no pod requests one" in message


def answered(requests: int, counted: int = 0) -> Figures:
    """Streams of 1,000 prompt and 500 completion tokens."""
    exact = requests - counted
    return Figures(
        outcomes={"ok": requests},
        prompt_tokens_exact=1_000 * exact,
        completion_tokens_exact=500 * exact,
        completion_tokens_counted=400 * counted,
        token_sources={"usage": exact, "counted": counted},
        interception=InterceptionCounts(accepted=requests),
    )


def busy_hours(cluster: Make, figures: Figures) -> Cluster:
    """Ten hours at a dollar, a quarter of them busy."""
    one = cluster()
    one.look()
    one.start()
    for hour in range(10):
        one.now += HOUR
        one.report("a", HOUR // 4)
        if hour == 5:
            one.answered = figures
        one.look()
    return one


def test_tokens_and_requests_are_priced_with_idle_time_and_without(cluster: Make) -> None:
    one = busy_hours(cluster, answered(1_000))

    result = judged(
        one,
        completionTokenWeight=4,
        comparedWith={
            "name": "an API",
            "perMillionPromptTokens": "0.5",
            "perMillionCompletionTokens": "2",
        },
    )

    cost = result.status["cost"]
    assert (cost["spent"], cost["busy"], cost["idle"]) == ("10", "2.5", "7.5")
    assert (cost["completionTokens"], cost["promptTokens"], cost["requests"]) == (500_000, 1_000_000, 1_000)
    assert (cost["perMillionTokens"], cost["perMillionTokensBusy"], cost["perRequest"]) == ("20", "5", "0.01")
    assert cost["allocated"] == {
        "perMillionPromptTokens": "3.333",
        "perMillionCompletionTokens": "13.33",
        "completionTokenWeight": "4",
    }
    assert cost["comparedWith"] == {"name": "an API", "wouldCost": "1.5", "ratio": 6.67}
    assert MonitorStatus.load(result.status).to_api() == result.status


@pytest.mark.parametrize(("counted", "priced"), [(50, True), (200, False), (1_000, False)])
def test_counted_tokens_are_never_priced(cluster: Make, counted: int, priced: bool) -> None:  # noqa: FBT001
    cost = judged(busy_hours(cluster, answered(1_000, counted))).status["cost"]

    assert ("perMillionTokens" in cost) is priced
    assert f"tokens of {counted:,} of 1,000 requests are only a lower bound" in cost["note"]
    assert ("no token is priced" in cost["note"]) is not priced


def test_busy_time_is_not_priced_alone_where_it_is_not_known(cluster: Make) -> None:
    one = busy_hours(cluster, answered(10))
    one.pods["b"] = replace(one.pods["a"], uid="b", scheduled_at=one.now)
    one.look(4 * HOUR)

    cost = judged(one).status["cost"]

    assert "perMillionTokensBusy" not in cost
    assert "nobody told whether pods worked" in cost["note"]
    assert sum(Decimal(cost[part]) for part in ("busy", "idle", "unobserved")) == Decimal(cost["spent"])


def test_an_absurd_price_breaks_nothing(cluster: Make) -> None:
    one = cluster(Price("USD", Decimal("999999999999.999999"), PricedBy.GPU))
    one.look()
    one.start(gpus=100_000)
    for _ in range(8):
        one.look(DAY)

    cost = judged(one, budget={"amount": 1}, completionTokenWeight="0.000001").status["cost"]

    assert "spent" not in cost
    assert cost["budgetSpent"] == 1


def test_a_line_of_a_kind_that_only_a_later_version_knows_stops_nothing(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 8)
    [line] = one.ledger.lines
    one.ledger = msgspec.structs.replace(one.ledger, lines=(msgspec.structs.replace(line, per="Rack"),))

    one.look(HOUR)

    assert said(judged(one, budget={"amount": 500}))[1] == "BaselineIncomplete"
    assert one.spent().total > 8 * 24


def test_a_ledger_from_a_version_that_knew_less_is_read(cluster: Make) -> None:
    one = a_dollar_an_hour(cluster, 2)
    plain = msgspec.to_builtins(one.ledger)
    for line in plain["lines"]:
        line["days"] = {day: spent[:5] for day, spent in line["days"].items()}
    plain["a field of a later version"] = 1

    older = msgspec.convert(plain, type(one.ledger))

    assert [spent.total for spent in older.lines[0].days.values()] == [
        spent.total for spent in one.ledger.lines[0].days.values()
    ]
    assert MIDNIGHT // DAY in older.lines[0].days
