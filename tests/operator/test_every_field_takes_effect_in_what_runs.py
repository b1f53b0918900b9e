"""Each field of the spec: pushed to sidecars, judged by, read anew in every pass, or for new pods only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from tests.operator.conftest import Watch

from llmmonitor_api.spec.monitor import MonitorSpec
from llmmonitor_operator.configure import configuration_for, settings_for

OBJECTIVE = {"name": "new", "signal": "ErrorRate", "target": "90%", "window": "1d"}
PUSHED: dict[str, object] = {
    "interception.maxAddedLatency": "7ms",
    "interception.existingConnections": "DrainIdle",
    "sampling.resourceInterval": "9s",
    "performance.objectives": [OBJECTIVE],
    "interactions.patterns": [{"name": "own", "pattern": "a+", "max": 3}],
    "interactions.window": "2h",
    "quality.schedule": "2h",
    "quality.onModelChange": False,
    "quality.probes": [{"name": "sum", "prompt": "2+2?", "expect": {"contains": "4"}}],
    "quality.suites": ["arithmetic"],
    "quality.auth": {"secretKeyRef": {"name": "key", "key": "token"}},
    "quality.tokensPerDay": "1k",
    "quality.judge": {"url": "http://judge/v1", "model": "big"},
    "quality.embeddings": {"url": "http://embeddings/v1", "model": "minilm"},
    "quality.outcomes": {"feedbackAuth": {"secretKeyRef": {"name": "key", "key": "token"}}},
    "quality.canaries": False,
    "privacy.trustedProxies": ["10.0.0.0/8"],
    "requests.languages": ["en"],
    "requests.roles": ["user"],
    "requests.jsonSchema": {"type": "object"},
    "requests.invalidSchemas": True,
    "requests.contextOverflow": True,
    "requests.unknownParameters": True,
}
JUDGED_BY: dict[str, object] = {
    "sampling.reportInterval": "1m",
    "resources.memory": "50%",
    "resources.kvCache": "50%",
    "resources.cpuThrottled": "50%",
    "performance.objectives": [OBJECTIVE],
    "performance.stallAfter": "5m",
    "roles": {"PerformanceHealthy": "Advisory"},
    "holdFor": "2h",
    "clearAfter": "9m",
    "quality.minPassed": "80%",
    "quality.outcomes": {"minPositive": "80%"},
    "cost.hourlyRate": {"amount": "2"},
    "cost.currency": "EUR",
    "cost.budget": {"amount": 100},
    "cost.completionTokenWeight": 4,
    "drift.baseline.minDuration": "3d",
    "drift.window": 1000,
    "drift.features": ["PromptTokens"],
    "versions.by": "Image",
    "versions.margin": "1%",
    "privacy.clientHeader": "X-User",
    **{
        f"interactions.{kind}": {"max": 3}
        for kind in (
            "promptInjection",
            "jailbreak",
            "promptExtraction",
            "piiExposed",
            "secretsExposed",
            "refusals",
            "toxicity",
            "repetition",
            "emptyAnswers",
            "manyShot",
            "encodedContent",
        )
    },
    "interactions.flood": {"maxPerClient": 100},
    "interactions.patterns": [{"name": "own", "pattern": "a+", "max": 3}],
    "interactions.window": "2h",
    "interactions.clearAfter": "3h",
    "requests.maxInvalidRate": "3%",
    "requests.window": "2h",
    "cost.comparedWith": {"perMillionPromptTokens": "0.1", "perMillionCompletionTokens": "0.4"},
}
BEFORE: dict[str, dict[str, Any]] = {
    "performance": {},
    "cost": {"hourlyRate": {"amount": "1"}},
    "quality": {"schedule": "1h", "suites": ["facts"]},
}
READ_IN_EVERY_PASS = {
    "selector.matchLabels",
    "selector.matchExpressions",
    "target.container",
    "target.port",
    "target.engine",
    "target.model",
    "existingPods",
    "interception.mode",
    "versions.label",
}
"""A sidecar in another mode, or that watches another port, is `Outdated`."""
FOR_SIDECARS_TO_COME = {"interception.relayPort", "interception.apiPort", "resources.processes"}
NOTHING_ACTS_ON_YET = ("privacy",)
"""Sections; whoever makes one of them act says above how it reaches what runs."""


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = [
            one
            for one in (field.annotation, *get_args(field.annotation))
            if isinstance(one, type) and issubclass(one, BaseModel)
        ]
        yield from fields(inner[0], f"{path}.") if inner and field.annotation in inner else (path,)


def test_every_field_is_said_to_take_effect_somewhere() -> None:
    known = PUSHED.keys() | JUDGED_BY.keys() | READ_IN_EVERY_PASS | FOR_SIDECARS_TO_COME
    acting = {
        one for one in fields(MonitorSpec) if one in known or one.partition(".")[0] not in NOTHING_ACTS_ON_YET
    }

    assert acting == known


@pytest.mark.parametrize("field", PUSHED)
def test_a_change_of_it_is_another_configuration(watch: Callable[..., Watch], field: str) -> None:
    before, after = watch(**BEFORE).monitor, watch(**given(field, PUSHED[field])).monitor

    assert configuration_for(after) != configuration_for(before)


@pytest.mark.parametrize("field", JUDGED_BY)
def test_a_change_of_it_is_judged_by_with_the_next_pass(watch: Callable[..., Watch], field: str) -> None:
    before, after = watch(**BEFORE).monitor, watch(**given(field, JUDGED_BY[field])).monitor

    assert settings_for(after) != settings_for(before)


def given(field: str, value: object) -> dict[str, Any]:
    section, *names = field.split(".")
    name, *inner = names or [""]
    for one in reversed(inner):
        value = {one: value}
    return BEFORE | {section: BEFORE.get(section, {}) | {name: value} if name else value}
