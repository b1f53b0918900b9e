from __future__ import annotations

import copy
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest
from prometheus_client import generate_latest
from tests.operator.conftest import START
from tests.operator.cost.months import a_months_ledger
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import KEY, MONITORS, PODS, World, until

from llmmonitor_api.spec.cost import PricedBy
from llmmonitor_operator.cost.ledger import Ledger
from llmmonitor_operator.cost.price import Price
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.monitor_pass import MonitorPass
from llmmonitor_operator.state import State

HOUR = 3600.0
RATE = {"amount": "2.50", "per": "Pod"}


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Priced:
    """The world with a price on its pods."""

    world: World
    clock: Clock

    def set(self, **cost: object) -> None:
        monitor = copy.deepcopy(self.world.server.at(f"{MONITORS}/chat"))
        monitor["spec"]["cost"] = cost
        self.world.server.put(MONITORS, monitor)

    async def after(self, seconds: float = 0.0) -> Raw:
        """The status' cost, so much later."""
        self.clock.now += seconds
        self.conditions = await self.world.passed()
        status: Raw = self.world.server.at(f"{MONITORS}/chat")["status"]
        cost: Raw = status.get("cost", {})
        return cost

    @property
    def ledger(self) -> Ledger:
        return self.world.one_pass._memories[KEY].state.cost

    def operator_ends(self) -> None:
        """Another begins from what was saved."""
        self.world.one_pass = MonitorPass(self.world.parts, self.clock)


@pytest.fixture
def priced(world: World) -> Priced:
    clock = Clock(START + 600)
    world.one_pass = MonitorPass(world.parts, clock)
    one = Priced(world, clock)
    one.set(hourlyRate=RATE, budget={"amount": 100})
    return one


async def test_a_pod_that_nobody_watches_from_within_costs_its_hours(priced: Priced) -> None:
    assert (await priced.after())["spent"] == "0"

    cost = await priced.after(2 * HOUR)

    assert (cost["spent"], cost["unobserved"], cost["budget"]) == ("5", "5", "100")
    assert cost["currency"] == "USD"
    assert priced.conditions["WithinBudget"]["reason"] == "BaselineIncomplete"
    assert "5.00 USD spent" in priced.conditions["WithinBudget"]["message"]


async def test_a_worker_that_no_selector_names_is_charged_with_its_leader(
    priced: Priced, server: KubeServer
) -> None:
    group = {"leaderworkerset.sigs.k8s.io/name": "big", "leaderworkerset.sigs.k8s.io/group-index": "0"}
    leader = server.at(f"{PODS}/chat-a")
    worker = copy.deepcopy(leader)
    leader["metadata"]["labels"] |= group
    worker["metadata"] = {"name": "chat-a-1", "namespace": "prod", "labels": group}
    stranger = copy.deepcopy(worker)
    stranger["metadata"] = {
        "name": "chat-b-1",
        "namespace": "prod",
        "labels": group | {"leaderworkerset.sigs.k8s.io/group-index": "1"},
    }
    for pod in (leader, worker, stranger):
        server.put(PODS, pod)
    await priced.after()
    await until(lambda: len(priced.world.parts.view.pods("prod")) == 3)
    await priced.world.settled()

    await priced.after()
    before = priced.ledger.lines[-1].days
    cost = await priced.after(HOUR)

    assert not any(spent.total for spent in before.values())
    assert cost["spent"] == "5"


async def test_the_ledger_outlives_the_operator_and_charges_what_was_missed(priced: Priced) -> None:
    await priced.after()
    await priced.after(HOUR)
    await priced.world.one_pass.save_all()
    await priced.after(HOUR)  # and is killed

    priced.operator_ends()
    cost = await priced.after(HOUR)

    assert cost["spent"] == "7.5"
    assert (
        sum(spent.total for line in priced.ledger.lines for spent in line.days.values())
        == int(3 * HOUR * 1000) * Price("USD", Decimal("2.5"), PricedBy.POD).units_per_ms
    )


async def test_an_overrun_is_foretold_from_days_of_a_checkpoint(priced: Priced) -> None:
    priced.clock.now += 5 * 86_400.0  # the 20th
    uid = priced.world.server.at(f"{MONITORS}/chat")["metadata"]["uid"]
    state = State(cost=a_months_ledger(priced.clock.now, 30))
    await priced.world.parts.checkpoints.save(uid, *KEY, state, priced.clock.now)

    priced.set(hourlyRate=RATE, budget={"amount": 1350})
    cost = await priced.after()

    found = priced.conditions["WithinBudget"]
    assert (found["status"], found["reason"]) == ("False", "OverrunForecast")
    assert "overrun expected on 2027-01-2" in found["message"]
    assert "30 of the 30 full days restored from the checkpoint at" in found["message"]
    assert Decimal(cost["forecastLow"]) > 1350
    assert [one.reason for one in priced.world.events if "WithinBudget" in one.message] == ["OverrunForecast"]
    shown = generate_latest(priced.world.parts.metrics.registry).decode()
    assert 'llm_monitor_cost_budget{currency="USD",monitor="chat",namespace="prod"} 1350.0' in shown
    assert 'llm_monitor_cost_spent{currency="USD",monitor="chat",namespace="prod",part="busy"} 285.0' in shown
    assert 'llm_monitor_cost_forecast{bound="low",currency="USD"' in shown


async def test_an_invalid_price_leaves_the_last_one_in_force(priced: Priced) -> None:
    await priced.after()
    priced.set(hourlyRate={"amount": "much"})

    cost = await priced.after(HOUR)

    assert cost["spent"] == "2.5"


async def test_an_hour_of_charges_is_worth_a_checkpoint_and_a_minute_is_not(priced: Priced) -> None:
    checkpoints = priced.world.parts.checkpoints
    await priced.after()
    memory = priced.world.one_pass._memories[KEY]
    await checkpoints.save(memory.uid, *KEY, memory.state, priced.clock.now)

    def is_behind(milliseconds: int) -> bool:
        cost = memory.state.cost
        later = msgspec.structs.replace(cost, looked_at=cost.looked_at + milliseconds)
        return checkpoints.is_behind(memory.uid, msgspec.structs.replace(memory.state, cost=later))

    assert not is_behind(60_000)
    assert is_behind(3_600_000)
