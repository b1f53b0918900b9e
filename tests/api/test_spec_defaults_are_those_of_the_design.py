from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmmonitor_api.conditions import Role
from llmmonitor_api.crd import custom_resource_definition
from llmmonitor_api.crd.instance import instance_errors, with_defaults
from llmmonitor_api.spec import SIGNALS, Objective, ObjectiveSignal, ObjectiveSource, load_monitor
from llmmonitor_api.spec.signals import EventKind

SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SMALLEST: dict[str, Any] = {
    "apiVersion": "llmmonitor.io/v1alpha1",
    "kind": "LLMMonitor",
    "metadata": {"name": "chat", "namespace": "prod", "uid": "1-2-3", "generation": 4, "managedFields": []},
    "spec": {"selector": {"matchLabels": {"app": "chat"}}},
}


def test_a_spec_with_only_a_selector_is_complete() -> None:
    monitor = load_monitor(SMALLEST)

    assert monitor.title == "LLMMonitor prod/chat"
    assert (monitor.metadata.uid, monitor.metadata.generation) == ("1-2-3", 4)
    assert monitor.spec.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "selector": {"matchLabels": {"app": "chat"}, "matchExpressions": []},
        "target": {"engine": "Auto"},
        "existingPods": "Attach",
        "interception": {
            "mode": "Auto",
            "maxAddedLatency": "5ms",
            "existingConnections": "Keep",
            "relayPort": 14_001,
            "apiPort": 14_002,
        },
        "sampling": {"reportInterval": "15s", "resourceInterval": "1s"},
        "resources": {"memory": "90%", "kvCache": "95%", "cpuThrottled": "25%", "processes": "Auto"},
        "performance": {"objectives": [], "stallAfter": "30s"},
        "requests": {
            "languages": [],
            "roles": [],
            "invalidSchemas": False,
            "contextOverflow": False,
            "unknownParameters": False,
            "maxInvalidRate": "1%",
            "window": "1h",
        },
        "drift": {"baseline": {"minDuration": "7d"}, "window": 500, "features": []},
        "interactions": {"patterns": [], "window": "1h", "clearAfter": "1d"},
        "quality": {
            "onModelChange": True,
            "canaries": True,
            "probes": [],
            "suites": [],
            "minPassed": "50%",
            "tokensPerDay": "100k",
        },
        "versions": {"by": "Fingerprint", "margin": "5%"},
        "cost": {"currency": "USD"},
        "privacy": {"content": "Never", "trustedProxies": []},
        "roles": {},
        "holdFor": "1h",
        "clearAfter": "5m",
    }


def test_nothing_is_configured_that_was_not_asked_for() -> None:
    spec = load_monitor(SMALLEST).spec

    assert not spec.quality.configured
    assert not spec.requests.configured
    assert spec.interactions.limits == {}
    assert spec.cost.hourly_rate is None
    assert len(spec.drift.effective_features) == 11


def test_without_objectives_two_defaults_hold_and_are_named_so() -> None:
    (errors, by_whom), (first_token, _) = load_monitor(SMALLEST).spec.performance.effective_objectives

    assert by_whom is ObjectiveSource.DEFAULT
    assert (errors.signal, errors.target, errors.limit) == (ObjectiveSignal.ERROR_RATE, Decimal("0.99"), None)
    assert first_token.signal is ObjectiveSignal.TIME_TO_FIRST_TOKEN
    assert (first_token.target, first_token.limit) == (Decimal("0.95"), Decimal(2))
    assert errors.window == first_token.window == timedelta(days=1)


def test_the_example_of_the_design_loads() -> None:
    spec = {
        "selector": {"matchLabels": {"app": "chat"}},
        "target": {"container": "vllm", "port": 8000, "engine": "Auto"},
        "existingPods": "Attach",
        "interception": {"mode": "Auto"},
        "resources": {"memory": "90%", "processes": "Auto"},
        "performance": {
            "objectives": [
                {
                    "name": "fast-first-token",
                    "signal": "TimeToFirstToken",
                    "threshold": "800ms",
                    "target": "99%",
                    "window": "30d",
                },
                {"name": "no-errors", "signal": "ErrorRate", "target": "99.9%"},
            ]
        },
        "drift": {"baseline": {"minDuration": "7d"}},
        "interactions": {"promptInjection": {"maxRate": "1%", "maxPerClient": 5}, "piiExposed": {"max": 0}},
        "quality": {
            "schedule": "1h",
            "onModelChange": True,
            "probes": [{"name": "sum", "prompt": "1+1?", "expect": {"number": {"value": 2}}}],
        },
        "cost": {
            "hourlyRate": {"amount": "2.50", "per": "GPU"},
            "currency": "USD",
            "budget": {"amount": "1500", "period": "Month"},
        },
        "privacy": {"content": "Never"},
    }

    loaded = load_monitor({**SMALLEST, "spec": spec}).spec

    schema = SCHEMA["properties"]["spec"]
    assert list(instance_errors(with_defaults(spec, schema), schema)) == []
    assert loaded.performance.effective_objectives[0][0].limit == Decimal("0.8")
    assert loaded.performance.effective_objectives[0][1] is ObjectiveSource.SPEC
    assert loaded.cost.hourly_rate is not None
    assert loaded.cost.hourly_rate.amount == Decimal("2.50")
    assert loaded.interactions.limits.keys() == {"prompt_injection", "pii_exposed"}


def test_the_api_servers_defaults_are_those_of_the_models() -> None:
    filled = with_defaults(SMALLEST, SCHEMA)

    assert load_monitor(filled) == load_monitor(SMALLEST)
    assert filled["spec"]["interception"]["relayPort"] == 14_001


def test_a_dumped_spec_loads_to_the_same() -> None:
    monitor = load_monitor({**SMALLEST, "spec": {**SMALLEST["spec"], "roles": {"DriftFree": "Gating"}}})

    dumped = monitor.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert load_monitor(dumped) == monitor
    assert monitor.spec.condition_roles == {"DriftFree": Role.GATING}


def test_null_fields_count_as_left_out_as_they_do_for_the_api_server() -> None:
    spec = {"selector": {"matchLabels": {"app": "chat"}}, "target": None, "interception": {"mode": None}}

    assert load_monitor({**SMALLEST, "spec": spec}) == load_monitor(SMALLEST)


def test_the_signal_table_has_a_row_for_every_signal() -> None:
    assert SIGNALS.keys() == set(ObjectiveSignal)
    assert {signal for signal, facts in SIGNALS.items() if facts.counts is EventKind.TIME_SLICE} == {
        ObjectiveSignal.QUEUE_DEPTH,
        ObjectiveSignal.KV_CACHE_USE,
        ObjectiveSignal.AVAILABILITY,
        ObjectiveSignal.THROUGHPUT,
    }


@pytest.mark.parametrize(
    ("signal", "threshold", "limit"),
    [
        ("RequestDuration", "1m30s", "90"),
        ("KVCacheUse", "92.5%", "0.925"),
        ("QueueDepth", 20, "20"),
        ("Throughput", "1.5k", "1500"),
    ],
)
def test_a_threshold_is_a_number_in_the_signals_unit(signal: str, threshold: object, limit: str) -> None:
    objective = Objective.model_validate(
        {"name": "x", "signal": signal, "threshold": threshold, "target": "99%"}
    )

    assert objective.limit == Decimal(limit)
