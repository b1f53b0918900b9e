"""The models and the CRD give the same verdict where a schema can express it.

Not here: CEL rules, in which the schema says ranges of durations and shares, networks, label keys and regular
expressions (tried on a real API server by the end-to-end tests), and role names, which are fields to it.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmmonitor_api.crd import custom_resource_definition
from llmmonitor_api.crd.instance import instance_errors, with_defaults
from llmmonitor_api.spec import MonitorSpec
from llmmonitor_api.spec.model import RULE_ERROR

SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "spec"
]
FULL: dict[str, Any] = {
    "selector": {
        "matchLabels": {"app": "chat"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["gpu"]}],
    },
    "target": {"container": "vllm", "port": 8000, "engine": "VLLM", "model": "smol"},
    "existingPods": "Restart",
    "interception": {
        "mode": "Transparent",
        "maxAddedLatency": "5ms",
        "existingConnections": "DrainIdle",
        "relayPort": 14_001,
        "apiPort": 14_002,
    },
    "sampling": {"reportInterval": "15s", "resourceInterval": "1s"},
    "resources": {"memory": "90%", "kvCache": "95%", "cpuThrottled": "25%", "processes": "Never"},
    "performance": {
        "objectives": [
            {
                "name": "ttft",
                "signal": "TimeToFirstToken",
                "threshold": "1s",
                "target": "99%",
                "window": "1h",
                "models": ["meta-llama/*", "lora"],
                "operations": ["chat"],
            },
            {"name": "queue", "signal": "QueueDepth", "threshold": 20, "target": "99%"},
        ],
        "stallAfter": "30s",
    },
    "requests": {"languages": ["en"], "roles": ["user"], "contextOverflow": True, "maxInvalidRate": "1%"},
    "drift": {"baseline": {"minDuration": "7d"}, "window": 500, "features": ["Turns"]},
    "interactions": {
        "promptInjection": {"max": 0, "maxRate": "1%", "maxPerClient": 5},
        "flood": {"maxPerClient": 100},
        "patterns": [{"name": "code", "pattern": "secret", "side": "Output", "max": 1}],
        "window": "1h",
    },
    "quality": {
        "schedule": "1h",
        "onModelChange": False,
        "probes": [
            {
                "name": "sum",
                "messages": [{"role": "user", "content": "1+1?"}],
                "expect": {
                    "contains": "2",
                    "number": {"value": "2", "tolerance": 0},
                    "jsonSchema": {"type": "object", "anything": [1]},
                    "refuses": False,
                    "maxLatency": "2s",
                },
                "repeats": 3,
            }
        ],
        "suites": ["bias-gender"],
        "auth": {"secretKeyRef": {"name": "key", "key": "token"}, "header": "X-Api-Key"},
        "tokensPerDay": "50k",
        "outcomes": {
            "minPositive": "80%",
            "maxRegenerated": "10%",
            "window": "1d",
            "feedbackAuth": {"secretKeyRef": {"name": "key", "key": "token"}},
        },
    },
    "versions": {"by": "Label", "label": "version", "margin": "5%"},
    "cost": {
        "hourlyRate": {"amount": "2.50", "per": "Pod"},
        "currency": "EUR",
        "budget": {"amount": 1500, "period": "Week"},
        "completionTokenWeight": "3.5",
        "comparedWith": {
            "name": "an API",
            "perMillionPromptTokens": "0.15",
            "perMillionCompletionTokens": 1,
        },
    },
    "privacy": {"content": "Redacted", "review": {"maxCases": 50, "maxAge": "1d"}, "trustedProxies": ["::1"]},
    "roles": {"DriftFree": "Gating"},
    "holdFor": "1h",
}
ONLY_IN_PYTHON = {RULE_ERROR, "value_error"}
NUMBERS = [600.0, 0, 1, -1, 65_536, 10**12, 1.5]
TEXTS = [
    "600",
    "",
    "x",
    "X Y",
    "1s",
    "0",
    "5m",
    "10%",
    "100%",
    "101%",
    "1.5k",
    "2.50",
    "Auto",
    "Off",
    "Label",
    "user",
]
LONG_TEXTS = ["600", "a" * 64, "a" * 20_000]
LISTS = [[], ["x"], ["x", "x"], [{"name": "x"}], list(range(60))]
MAPS = [{}, {"unknown": 1}, {str(key): "v" for key in range(60)}]
OTHER_KINDS: list[Any] = [0, 600.0, "600", "x", True, [], {}]
VALUES = [*NUMBERS, *TEXTS, *LONG_TEXTS, *LISTS, *MAPS, True, False]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in entries:
        yield (*path, key)
        yield from _places(child, (*path, key))


def _schema_verdict(spec: dict[str, Any]) -> list[str]:
    return list(instance_errors(with_defaults(spec, SCHEMA), SCHEMA, "spec"))


def _model_verdict(spec: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        MonitorSpec.model_validate(spec, by_alias=True, by_name=False)
    except ValidationError as error:
        return [(details["type"], str(details["loc"])) for details in error.errors()]
    return []


def _agree(spec: dict[str, Any]) -> None:
    refused_by_schema, refused_by_model = _schema_verdict(spec), _model_verdict(spec)
    if refused_by_schema:
        assert refused_by_model, refused_by_schema
    expressible = [
        error for error in refused_by_model if error[0] not in ONLY_IN_PYTHON and "[key]" not in error[1]
    ]
    if expressible:
        assert refused_by_schema, expressible


def test_the_full_example_uses_every_section_and_both_accept_it() -> None:
    assert FULL.keys() | {"clearAfter"} == SCHEMA["properties"].keys()
    assert _schema_verdict(FULL) == []
    assert _model_verdict(FULL) == []


@pytest.mark.parametrize("place", list(_places(FULL)), ids=lambda place: ".".join(map(str, place)))
def test_both_refuse_or_accept_a_spec_without(place: tuple[Any, ...]) -> None:
    spec = copy.deepcopy(FULL)
    parent: Any = spec
    for key in place[:-1]:
        parent = parent[key]

    del parent[place[-1]]

    _agree(spec)


def _with_other_values(place: tuple[Any, ...], values: list[Any]) -> Iterator[dict[str, Any]]:
    for value in values:
        spec = copy.deepcopy(FULL)
        parent: Any = spec
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = value
        yield spec


@pytest.mark.parametrize("place", list(_places(FULL)), ids=lambda place: ".".join(map(str, place)))
def test_both_refuse_or_accept_a_spec_with_a_value_of_another_kind_at(place: tuple[Any, ...]) -> None:
    for spec in _with_other_values(place, OTHER_KINDS):
        _agree(spec)


@pytest.mark.long
@pytest.mark.parametrize("place", list(_places(FULL)), ids=lambda place: ".".join(map(str, place)))
def test_both_refuse_or_accept_a_spec_with_any_other_value_at(place: tuple[Any, ...]) -> None:
    for spec in _with_other_values(place, VALUES):
        _agree(spec)


@given(place=st.sampled_from([(), *_places(FULL)]), name=st.sampled_from(["unknown", "existing_pods", "x-y"]))
def test_both_refuse_an_unknown_field_anywhere_but_in_a_json_schema(
    place: tuple[Any, ...], name: str
) -> None:
    spec = copy.deepcopy(FULL)
    parent: Any = spec
    for key in place:
        parent = parent[key]
    if not isinstance(parent, dict) or "jsonSchema" in place or place[-1:] == ("matchLabels",):
        return

    parent[name] = "1"

    assert _schema_verdict(spec)
    assert _model_verdict(spec)
