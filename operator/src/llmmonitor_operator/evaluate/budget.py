"""WithinBudget: what the period cost so far and what it will come to, against what may be spent."""

from __future__ import annotations

from collections.abc import Iterator

from llmmonitor_api.conditions import Reason
from llmmonitor_api.conditions import reasons_performance as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.forecast import FULL_DAYS_NEEDED, Forecast
from llmmonitor_operator.cost.outlook import Overrun
from llmmonitor_operator.cost.period import DAY_MS, date_of
from llmmonitor_operator.cost.price import money
from llmmonitor_operator.cost.standing import CostStanding
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict

_WITH_CENTS_FROM = 1


def judge(inputs: Inputs) -> Verdict:
    """By the ledger, which goes on whether or not anybody reports."""
    if not inputs.environment.spec_in_force:
        return Verdict(shared.NO_SPEC_IN_FORCE, "not known what it costs: see Ready")
    if inputs.settings.cost.price is None:
        return Verdict(reasons.NO_PRICE, "no price is set: give spec.cost.hourlyRate")
    if not inputs.environment.cluster:
        return Verdict(shared.NOT_APPLICABLE, "cost follows the lifetimes of pods, and there is no cluster")
    if inputs.cost is None:
        return Verdict(shared.BASELINE_INCOMPLETE, "nothing is charged yet")
    reason, words = _judged(inputs.cost)
    return Verdict(reason, "; ".join([words, *_notes(inputs.cost, has_pods=bool(inputs.pods))]))


def _judged(cost: CostStanding) -> tuple[Reason, str]:
    currency, period, total = cost.price.currency, cost.period, cost.outlook.total
    spent = f"{amount(float(money(cost.spent.total)))} {currency} spent in {period} so far"
    if cost.budget is None:
        return shared.NOT_CONFIGURED, f"no budget is set (spec.cost.budget); {spent}"
    budget = f"budget {amount(float(cost.budget))} {currency}"
    if cost.is_over:
        return reasons.OVERRUN, f"{spent} > {budget}"
    if total is None:
        full = wording.counted(cost.outlook.full_days, "full day")
        words = f"{spent}, {budget}; a forecast needs {FULL_DAYS_NEEDED} full days, the ledger has {full}"
        return shared.BASELINE_INCOMPLETE, words
    forecast = f"forecast {_with_interval(total, currency)}"
    basis = f"for {period} from {wording.counted(cost.outlook.full_days, 'full day')}"
    limit = float(cost.budget)
    if cost.outlook.overrun is not None and total.low > limit:
        when = _when(cost.outlook.overrun)
        return reasons.OVERRUN_FORECAST, f"{forecast} > {budget} {basis}; {when}; {spent}"
    if cost.outlook.overrun is not None:
        when = _when(cost.outlook.overrun)
        return reasons.MAY_OVERRUN, f"may overrun: {forecast}, {budget} {basis}; {when}; {spent}"
    return reasons.UNDER_BUDGET, f"{forecast}, {budget} {basis}; {spent}"


def _with_interval(total: Forecast, currency: str) -> str:
    ends = f"{amount(total.low)}–{amount(total.high)}"  # noqa: RUF001 - a range
    return f"{amount(total.expected)} {currency} (80 % interval {ends})"


def _when(overrun: Overrun) -> str:
    """On which day the budget will be spent, with its interval."""
    if overrun.expected is None:
        return f"overrun on {date_of(overrun.earliest or 0)} at the earliest, and not expected in the period"
    earliest = date_of(overrun.expected if overrun.earliest is None else overrun.earliest)
    latest = "the period's end" if overrun.latest is None else str(date_of(overrun.latest))
    return f"overrun expected on {date_of(overrun.expected)} (80 % interval {earliest} to {latest})"


def _notes(cost: CostStanding, *, has_pods: bool) -> Iterator[str]:
    """What a person must know of the figures."""
    if cost.outlook.restored_days:
        days = f"{cost.outlook.restored_days} of the {wording.counted(cost.outlook.full_days, 'full day')}"
        yield f"{days} restored from the checkpoint at {wording.moment(cost.restored_at / 1000)}"
    if cost.counted_since > cost.period.first * DAY_MS:
        yield f"counted since {wording.moment(cost.counted_since / 1000)}"
    if cost.prices > 1:
        number = f"more than {cost.prices}" if cost.more_prices else cost.prices
        yield f"at {number} prices one after the other, now {cost.price}"
    for currency, units in cost.other_currencies:
        yield f"{amount(float(money(units)))} {currency} of the same time are not added"
    if cost.spent.ends_unseen:
        pods = wording.counted(cost.spent.ends_unseen, "pod")
        yield f"{pods} ended while no operator looked, charged until last seen"
    if has_pods and not cost.spent.device_ms and cost.price.per is PricedBy.GPU:
        yield "nothing is charged: the price is per GPU, and no pod requests one"


def amount(value: float) -> str:
    """`1,500.00`, `0.0123`: money as people write it."""
    return f"{value:,.2f}" if abs(value) >= _WITH_CENTS_FROM or not value else wording.number(value)
