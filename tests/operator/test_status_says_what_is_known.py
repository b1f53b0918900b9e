from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.report.report import Engine, Live, Resources
from llmmonitor_api.status import MonitorStatus

Make = Callable[..., Any]


def test_the_document_is_json_that_the_apis_models_take_and_give_back(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)

    status = one.gather([replica]).status

    assert json.loads(json.dumps(status)) == status
    assert MonitorStatus.load(status).to_api() == status
    assert status["observedGeneration"] == 3


def test_figures_are_of_the_window_with_their_sample_sizes(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = Engine(name="LlamaCpp", version="b1", model="smol", detected_by="/props", waiting=2)
    replica.live = Live(in_flight=3, oldest_in_flight_seconds=1.2345, seconds_without_progress=0.1)
    replica.serve(90, ttft=0.2)
    replica.serve(10, ttft=math.inf, outcome="server_error")

    status = one.gather([replica], 10).status

    assert status["window"] == {
        "start": "2027-01-15T08:00:00Z",
        "end": "2027-01-15T08:00:10Z",
        "requests": 100,
        "exactTokenShare": 1.0,
        "coverage": 1.0,
    }
    performance = status["performance"]
    assert performance["timeToFirstTokenSeconds"]["count"] == 90
    assert performance["timeToFirstTokenSeconds"]["p50"]["value"] == 0.1991
    assert performance["requestsPerSecond"] == 10.0
    assert performance["tokensPerSecond"] == 900.0
    assert performance["errors"] == 10
    assert performance["inFlight"] == 3
    assert performance["oldestInFlightSeconds"] == 1.23
    assert status["engine"]["model"] == "smol"
    assert status["resources"]["requestsWaiting"] == 2


def test_metrics_that_an_engine_no_longer_gives_are_named(watch: Make) -> None:
    one = watch()
    replica, other = one.replica(), one.replica(1)
    replica.engine = Engine(name="VLLM", missing=("vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"))
    other.engine = Engine(name="VLLM", missing=("vllm:kv_cache_usage_perc",))

    status = one.gather([replica, other]).status

    assert status["engine"]["missing"] == ["vllm:kv_cache_usage_perc", "vllm:num_requests_waiting"]


def test_objectives_say_counts_budget_and_who_set_them(watch: Make) -> None:
    one = watch(performance={})
    replica = one.replica()
    replica.serve(98)
    replica.serve(2, outcome="server_error")

    errors, first_token = one.gather([replica]).status["objectives"]

    assert (errors["name"], errors["source"], errors["target"], errors["window"]) == (
        "errors",
        "default",
        "99%",
        "1d",
    )
    assert (errors["good"], errors["bad"], errors["budgetLeft"], errors["holds"]) == (98, 2, -1.0, True)
    assert errors["burnRate"] == 2.0
    assert (first_token["good"], first_token["bad"], first_token["threshold"]) == (100, 0, "2s")


def test_a_firing_objective_does_not_hold_and_one_without_events_has_no_verdict(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(50, ttft=3.0)
    errors = list(replica.totals.objectives.values())[1]
    errors.good = 0

    first_token, other = one.gather([replica]).status["objectives"]

    assert first_token["holds"] is False
    assert "holds" not in other
    assert "budgetLeft" not in other


def test_what_is_not_known_is_absent(watch: Make) -> None:
    before = watch().judge().status
    one = watch()
    replica = one.replica()
    replica.resources = None
    replica.engine = Engine(name="Unknown")
    idle = one.gather([replica]).status

    assert not {"window", "performance", "engine", "resources"} & before.keys()
    assert "engine" not in idle
    assert not {"burnRate", "burnRateLimit", "budgetLeft", "holds"} & idle["objectives"][0].keys()
    assert "timeToFirstTokenSeconds" not in idle["performance"]
    assert "goodput" not in idle["performance"]


def test_the_window_is_the_last_hour(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(1000)
    one.gather([replica])
    for _ in range(80):
        replica.serve(10)
        one.collect([replica], 60)
    status = one.judge().status

    assert status["window"]["requests"] == pytest.approx(600, abs=25)  # half a cell of 5 min
    assert status["window"]["start"] == "2027-01-15T08:20:15Z"


def test_the_pod_nearest_to_its_memory_limit_speaks_for_all(watch: Make) -> None:
    one = watch()
    replicas = [one.replica(number) for number in range(3)]
    for replica, used in zip(replicas, (10, 80, 40), strict=True):
        replica.resources = Resources(
            processes_visible=True, memory_used_bytes=used, memory_limit_bytes=100, cpu_cores_used=1.5
        )

    resources = one.gather(replicas).status["resources"]

    assert (resources["memoryUsedBytes"], resources["memoryLimitBytes"], resources["memoryShare"]) == (
        80,
        100,
        0.8,
    )
    assert resources["cpuCores"] == 4.5
