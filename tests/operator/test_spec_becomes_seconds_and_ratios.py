from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from llmmonitor_api.conditions import Role
from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_operator.configure import configuration_for, settings_for

Make = Callable[..., Any]


def test_a_spec_with_a_selector_only_gives_the_documented_defaults(watch: Make) -> None:
    monitor = watch(performance={}).monitor

    assert configuration_for(monitor) == Configuration(
        generation=3,
        objectives=(
            ObjectiveSetting("errors", "ErrorRate"),
            ObjectiveSetting("first-token", "TimeToFirstToken", 2.0, "2s"),
        ),
        resource_interval_seconds=1.0,
        max_added_latency_seconds=0.005,
    )
    settings = settings_for(monitor)
    assert [one.source for one in settings.objectives] == ["default", "default"]
    assert settings.stale_after_seconds == 45.0
    assert (settings.hold_for_seconds, settings.clear_after_seconds) == (3600.0, 300.0)


def test_old_connections_are_closed_only_where_that_is_asked_for(watch: Make) -> None:
    kept = watch().monitor
    drained = watch(interception={"existingConnections": "DrainIdle"}).monitor

    assert configuration_for(kept).drain_idle_seconds == 0
    assert configuration_for(drained).drain_idle_seconds == 60


def test_every_unit_is_normalised_and_targets_stay_exact(watch: Make) -> None:
    monitor = watch(
        performance={
            "stallAfter": "1m30s",
            "objectives": [
                {"name": "slow", "signal": "TimePerOutputToken", "threshold": "50ms", "target": "99.9%"},
                {"name": "cache", "signal": "KVCacheUse", "threshold": "90%", "target": "95%"},
                {"name": "queue", "signal": "QueueDepth", "threshold": "20", "target": "95%"},
                {"name": "rate", "signal": "Throughput", "threshold": "1.5k", "target": "95%"},
            ],
        },
        interception={"maxAddedLatency": "2ms"},
        sampling={"reportInterval": "5s", "resourceInterval": "2s"},
        resources={"memory": "80%"},
        roles={"Intercepting": "Gating"},
    ).monitor

    configuration, settings = configuration_for(monitor), settings_for(monitor)

    assert [one.threshold for one in configuration.objectives] == [0.05, 0.9, 20.0, 1500.0]
    assert [one.threshold_text for one in configuration.objectives] == ["50ms", "90%", "20", "1.5k"]
    assert settings_for(monitor).stall_after_seconds == 90.0
    assert configuration.max_added_latency_seconds == 0.002
    assert configuration.resource_interval_seconds == 2.0
    assert settings_for(monitor).report_interval_seconds == 5.0
    assert settings.objectives[0].budget == Fraction(1, 1000)
    assert settings.memory_limit == 0.8
    assert settings.roles == {"Intercepting": Role.GATING}
