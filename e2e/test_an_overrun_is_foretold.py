"""What a month will cost is foretold from days of before, which reach the operator by its own checkpoint.

Nobody waits a week for a ledger of days: it is written as an operator writes it, while none runs.
"""

from __future__ import annotations

import base64
import calendar
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from e2e import small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, events, until
from tests.operator.cost.months import a_months_ledger

from llmmonitor_operator.checkpoint import encode
from llmmonitor_operator.state import State

NAME = "priced"
MINUTES = 60.0
HOURLY = Decimal("2.50")
DAILY = 24 * HOURLY
DAYS = 30
AN_HOUR = 3600.0


def test_a_budget_that_will_be_overrun_is_said_with_date_and_interval(
    product: Installed, proved: Kubectl, sidecar_image: str
) -> None:
    now = datetime.now(UTC)
    period, first, until_end = _period(now)
    spent = DAILY * (now.date() - first.date()).days
    budget = spent + DAILY * Decimal(until_end / timedelta(days=1)) / 2
    cost = {
        "hourlyRate": {"amount": str(HOURLY), "per": "Pod"},
        "budget": {"amount": f"{budget:.2f}", "period": period},
    }
    with product.without_operator():
        proved.apply(
            small_models.monitor(NAME, cost=cost),
            small_models.deployment(NAME, small_models.server(sidecar_image)),
        )
        _write_checkpoint(product, proved, now)

    found = condition(proved, NAME, 3 * MINUTES, WithinBudget="OverrunForecast", Reporting="True")

    message = found["WithinBudget"]["message"]
    assert found["WithinBudget"]["status"] == "False"
    assert "(80 % interval" in message
    assert f"> budget {budget:,.2f} USD" in message
    assert f"overrun expected on {now:%Y-}" in message
    assert f"{DAYS} of the {DAYS} full days restored from the checkpoint at {now:%Y-%m-%d}" in message
    until(
        lambda: any(one.startswith("WithinBudget False: forecast") for one in events(proved, NAME)),
        "an Event to say so",
        1 * MINUTES,
    )
    described = proved("describe", "llmmonitor", NAME)
    assert "OverrunForecast" in described
    assert "overrun expected on" in described
    status = proved.get(f"llmmonitor/{NAME}")["status"]["cost"]
    assert Decimal(status["forecastLow"]) > budget
    assert Decimal(status["spent"]) >= spent
    small_models.remove(proved, NAME)


def _period(now: datetime) -> tuple[str, datetime, timedelta]:
    """A budget's period that does not end while the test runs: its name, begin and rest."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = today.replace(day=calendar.monthrange(now.year, now.month)[1]) + timedelta(days=1)
    if (month - now).total_seconds() > AN_HOUR:
        return "Month", today.replace(day=1), month - now
    monday = today - timedelta(days=now.weekday())
    return "Week", monday, monday + timedelta(days=7) - now


def _write_checkpoint(product: Installed, namespace: Kubectl, now: datetime) -> None:
    """Thirty days of one pod, as an operator that ended just now would have left them."""
    uid = namespace.get(f"llmmonitor/{NAME}")["metadata"]["uid"]
    state = State(cost=a_months_ledger(now.timestamp(), DAYS))
    metadata = {
        "name": f"llm-monitor-checkpoint-{uid}",
        "labels": {"llmmonitor.io/checkpoint": "hot", "llmmonitor.io/kept": "llm-monitor"},
        "annotations": {
            "llmmonitor.io/monitor": f"{namespace.namespace}/{NAME}",
            "llmmonitor.io/monitor-uid": uid,
        },
    }
    data = {"state": base64.b64encode(encode(state).data).decode()}
    product.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data})
