"""A ledger of days that nobody has to wait for."""

from __future__ import annotations

from decimal import Decimal

from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.ledger import Ledger, Line, Spent
from llmmonitor_operator.cost.period import DAY_MS
from llmmonitor_operator.cost.price import Price


def a_months_ledger(now: float, days: int) -> Ledger:
    """One pod at 2.50 an hour, until now."""
    today = int(now) // 86_400
    since = (today - days) * DAY_MS
    rate = Price("USD", Decimal("2.50"), PricedBy.POD).units_per_ms
    whole = Spent(busy=rate * DAY_MS // 4, idle=rate * DAY_MS * 3 // 4, device_ms=DAY_MS)
    line = Line("USD", "2.50", "Pod", since, today * DAY_MS, {today - n: whole for n in range(1, days + 1)})
    return Ledger(lines=(line,), looked_at=int(now * 1000))
