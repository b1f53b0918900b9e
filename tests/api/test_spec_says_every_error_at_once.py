from datetime import date
from typing import Any

import pytest

from llmmonitor_api.spec import InvalidMonitor, load_monitor


def _monitor(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat", "namespace": "prod"},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}, **spec},
    }


def _errors(**spec: Any) -> list[str]:
    with pytest.raises(InvalidMonitor) as caught:
        load_monitor(_monitor(**spec))
    assert str(caught.value) == "\n".join(caught.value.errors)
    assert all(line.startswith("LLMMonitor prod/chat: spec.") for line in caught.value.errors)
    return [line.removeprefix("LLMMonitor prod/chat: spec.") for line in caught.value.errors]


def _objective(**fields: Any) -> dict[str, Any]:
    objective = {"name": "fast", "signal": "TimeToFirstToken", "threshold": "1s", "target": "99%", **fields}
    return {"objectives": [{key: value for key, value in objective.items() if value is not None}]}


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"not": value}
    return value


def _probe(**fields: Any) -> dict[str, Any]:
    return {"probes": [{"name": "sum", "prompt": "1+1?", "expect": {"contains": "2"}, **fields}]}


def test_mistakes_in_many_sections_are_all_reported_with_value_limit_and_way_out() -> None:
    errors = _errors(
        selector={},
        interceptoin={"mode": "Port"},
        interception={"relayPort": 14002, "maxAddedLatency": "5"},
        sampling={"reportInterval": "1s"},
        performance=_objective(target="100%"),
        cost={"currency": "usd", "budget": {"amount": 1500.5}},
        privacy={"review": {}},
    )

    assert sorted(errors) == sorted(
        [
            (
                "selector: the selector must not be empty, or every pod of the namespace would be monitored; "
                "give matchLabels or matchExpressions"
            ),
            (
                "interceptoin: is no field here; did you mean interception? There are: clearAfter, cost, "
                "drift, existingPods, holdFor, interactions, interception, performance, privacy, quality, "
                "requests, resources, roles, sampling, selector, target, versions"
            ),
            "interception.maxAddedLatency: '5' is no duration; write for example 800ms, 30s, 1h30m or 7d",
            "interception.apiPort: apiPort must differ from relayPort; choose another",
            "sampling.reportInterval: 1s is outside 5s to 5m; choose one within",
            (
                "performance.objectives[0].target: '100%': the target must be above 0% and below 100%, "
                "or there is no error budget; write for example 99.9%"
            ),
            "cost.currency: 'usd' does not match the pattern ^[A-Z]{3}$",
            "cost.budget.amount: 1500.5 is no text; write it in quotes, for example '2.50'",
            "privacy.review: a review queue keeps redacted cases; set content: Redacted, or leave review out",
        ]
    )


def test_a_rule_across_sections_is_checked_though_another_section_is_wrong() -> None:
    errors = _errors(target={"port": 14001, "engine": "Auto"}, cost={"currency": "usd"})

    assert len(errors) == 2
    assert "target: target.port must differ from interception.relayPort and apiPort" in errors[-1]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
            "values must be given for In",
        ),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]}},
            "left out for Exists",
        ),
        (
            {"selector": {"matchLabels": {"app": "no spaces"}}},
            "selector.matchLabels.app: 'no spaces' does not",
        ),
        ({"selector": {"matchLabels": {"-app": "x"}}}, "selector.matchLabels.-app: '-app' does not match"),
        ({"target": {"port": 0}}, "target.port: 0 is too small; give 1 or more"),
        ({"target": {"port": 65_536}}, "target.port: 65536 is too large; give 65535 or less"),
        ({"target": {"port": "8000"}}, "target.port: '8000' must be a whole number, without quotes"),
        (
            {"target": {"engine": "vllm"}},
            "target.engine: 'vllm' is none of the allowed values; choose one of",
        ),
        ({"target": []}, "target: [] must be a mapping"),
        ({"interception": {"relayPort": 15_001}}, "relayPort: 15001: ports 15000 to 15099 belong to service"),
        ({"interception": {"apiPort": 15_099}}, "interception.apiPort: 15099: ports 15000 to 15099 belong"),
        ({"interception": {"relayPort": 1023}}, "relayPort: 1023 is too small; give 1024 or more"),
        (
            {"interception": {"mode": "Port"}},
            "existingPods: interception.mode Port needs existingPods Restart",
        ),
        ({"interception": {"mode": False}}, "Off and Yes are booleans in YAML unless"),
        (
            {"interception": {"mode": "Off", "existingConnections": "DrainIdle"}},
            "interception.existingConnections: 'DrainIdle': DrainIdle needs mode Transparent or Auto",
        ),
        ({"interception": {"maxAddedLatency": "2s"}}, "maxAddedLatency: 2s is outside 100us to 1s"),
        (
            {"sampling": {"reportInterval": "5s", "resourceInterval": "10s"}},
            "sampling.resourceInterval: '10s': resourceInterval must not exceed reportInterval",
        ),
        ({"resources": {"memory": "0%"}}, "resources.memory: 0% would always be exceeded; give more than 0%"),
        ({"resources": {"memory": 0.9}}, "resources.memory: 0.9 is no text; write it in quotes, for example"),
        ({"performance": {"stallAfter": "0.5s"}}, "performance.stallAfter: 500ms is outside 1s to 1h"),
        ({"performance": _objective(threshold=None)}, "objectives[0].threshold: ErrorRate, TruncationRate"),
        ({"performance": _objective(signal="AbortRate")}, "take no threshold, the others need one"),
        (
            {"performance": _objective(threshold="90%")},
            "TimeToFirstContent, ChunkGap is a duration above zero",
        ),
        (
            {"performance": _objective(threshold="0s")},
            "a duration above zero, 24h at most; write for example 800ms",
        ),
        ({"performance": _objective(threshold="25h")}, "a duration above zero, 24h at most"),
        ({"performance": _objective(signal="KVCacheUse")}, "the threshold of KVCacheUse is a percentage"),
        ({"performance": _objective(signal="QueueDepth")}, "the threshold of QueueDepth is a number of"),
        ({"performance": _objective(signal="QueueDepth", threshold="5m")}, "QueueDepth is a number of"),
        (
            {"performance": _objective(signal="Throughput", threshold="5%")},
            "is a number of tokens per second",
        ),
        (
            {"performance": _objective(threshold="fast")},
            "'fast' is no threshold; write for example 800ms, 90%",
        ),
        (
            {"performance": _objective(signal="QueueDepth", threshold="5", models=["lora"])},
            "performance.objectives[0]: QueueDepth, KVCacheUse, Availability, Throughput are of the whole",
        ),
        (
            {"performance": _objective(operations=["embed"])},
            "objectives[0].operations[0]: 'embed' is none of the allowed values; choose one of",
        ),
        ({"performance": _objective(models=["a b"])}, "objectives[0].models[0]: 'a b' does not match"),
        ({"performance": _objective(models=["a" * 97])}, "models[0]: "),
        (
            {"performance": _objective(models=["a", "a"])},
            "objectives[0].models: an entry stands here twice; remove one",
        ),
        (
            {"performance": _objective(models=[f"m{n}" for n in range(9)])},
            "has 9 entries; at most 8 are allowed",
        ),
        ({"performance": _objective(signal="ChunkGap", threshold="90%")}, "is a duration above zero"),
        (
            {"performance": _objective(signal="RequestThroughput", threshold="5s")},
            "the threshold of RequestThroughput, Throughput is a number of tokens per second",
        ),
        ({"performance": _objective(signal="EmptyAnswerRate")}, "take no threshold, the others need one"),
        ({"performance": _objective(target="0%")}, "target must be above 0% and below 100%"),
        ({"performance": _objective(window="1y")}, "objectives[0].window: '1y' is no duration"),
        ({"performance": _objective(window="91d")}, "objectives[0].window: 91d is outside 10m to 90d"),
        ({"performance": _objective(name="Fast One")}, "objectives[0].name: 'Fast One' does not match"),
        (
            {"performance": {"objectives": _objective()["objectives"] * 2}},
            "performance.objectives: every entry needs a name of its own; rename one",
        ),
        (
            {"performance": {"objectives": [_objective(name=f"o{i}")["objectives"][0] for i in range(21)]}},
            "has 21 entries; at most 20 are allowed",
        ),
        ({"drift": {"window": 499}}, "drift.window: 499 is too small; give 500 or more"),
        ({"drift": {"baseline": {"minDuration": "30m"}}}, "minDuration: 30m is outside 1h to 90d"),
        ({"drift": {"features": ["Turns", "Turns"]}}, "drift.features: an entry stands here twice"),
        ({"interactions": {"jailbreak": {}}}, "interactions.jailbreak: a limit needs at least one of max"),
        ({"interactions": {"flood": {}}}, "interactions.flood.maxPerClient: is required; give it a value"),
        ({"interactions": {"piiExposed": {"max": -1}}}, "piiExposed.max: -1 is too small; give 0 or more"),
        (
            {"interactions": {"patterns": [{"name": "x", "pattern": "(", "max": 1}]}},
            "interactions.patterns[0].pattern: '(' is no regular expression",
        ),
        (
            {"interactions": {"patterns": [{"name": "x", "pattern": "(?<!a)b", "max": 1}]}},
            "uses '(?<!', which RE2 does not have",
        ),
        (
            {"interactions": {"patterns": [{"name": "x", "pattern": "a"}]}},
            "patterns[0]: a limit needs at least",
        ),
        (
            {"quality": _probe(prompt=None)},
            "quality.probes[0].prompt: a probe needs either prompt or messages",
        ),
        (
            {"quality": _probe(messages=[{"role": "user", "content": "x"}])},
            "probes[0].prompt: '1+1?': a probe needs either prompt or messages, and not both",
        ),
        ({"quality": _probe(expect={})}, "probes[0].expect: expect nothing and a probe cannot fail"),
        ({"quality": _probe(repeats=21)}, "probes[0].repeats: 21 is too large; give 20 or less"),
        (
            {"quality": {"onModelChange": False, **_probe()}},
            "quality.schedule: these probes would never be sent; give a schedule",
        ),
        ({"quality": {"schedule": "1h"}}, "quality.schedule: '1h': a schedule needs probes or suites"),
        ({"quality": {"onModelChange": "yes"}}, "quality.onModelChange: 'yes' must be true or false"),
        ({"quality": {"outcomes": {"window": "5m"}}}, "quality.outcomes.window: 5m is outside 1h to 30d"),
        ({"quality": {"outcomes": {"minPositive": "0%"}}}, "minPositive: 0% would always be exceeded"),
        (
            {"quality": {"outcomes": {"feedbackAuth": {}}}},
            "quality.outcomes.feedbackAuth.secretKeyRef: is required",
        ),
        (
            {"quality": _probe(expect={"meansLike": {"text": "x", "atLeast": "70%"}})},
            "quality.embeddings: a probe with meansLike needs embeddings",
        ),
        (
            {"quality": _probe(expect={"judged": "It is polite."})},
            "quality.judge: a probe with judged needs a judge",
        ),
        ({"quality": {"embeddings": {"url": "http://key@x", "model": "m"}}}, "quality.embeddings.url: "),
        (
            {"quality": {"judge": {"url": "http://x:port", "model": "m"}}},
            "quality.judge.url: 'http://x:port'",
        ),
        ({"quality": {"judge": {"url": "http://[::1", "model": "m"}}}, "quality.judge.url: 'http://[::1'"),
        ({"quality": {"auth": {}}}, "quality.auth.secretKeyRef: is required"),
        ({"requests": {"languages": ["english"]}}, "requests.languages[0]: 'english'"),
        ({"versions": {"by": "Label"}}, "versions.label: label must be given with by: Label, and only then"),
        ({"versions": {"label": "version"}}, "versions.label: 'version': label must be given with by: Label"),
        ({"cost": {"hourlyRate": {"amount": "free"}}}, "cost.hourlyRate.amount: 'free' is no amount"),
        ({"cost": {"hourlyRate": {"amount": "1e-12"}}}, "'1e-12' is no amount: at most 12 digits before"),
        ({"cost": {"hourlyRate": {"amount": "1000000000000"}}}, "12 digits before the point and 6 after it"),
        ({"cost": {"budget": {"amount": "10"}}}, "cost.budget: a budget needs a price"),
        ({"cost": {"hourlyRate": {"amount": 1}, "budget": {"amount": 0}}}, "'0' is no amount above zero"),
        ({"privacy": {"trustedProxies": ["10.0.0.1/8"]}}, "10.0.0.1/8 has host bits set; write for example"),
        ({"privacy": {"content": "Redacted", "review": {"maxCases": 1}}}, "1 is too small; give 10 or more"),
        ({"roles": {"Healthy": "Advisory"}}, "roles.Healthy: no condition of this name has a role to choose"),
        ({"roles": {"Ready": "Optional"}}, "roles.Ready: 'Optional' is none of the allowed values"),
        ({"holdFor": "8d"}, "holdFor: 8d is outside 0s to 7d"),
        ({"existing_pods": "Ignore"}, "existing_pods: is no field here; did you mean existingPods?"),
    ],
)
def test_a_mistake_is_said_with_its_place_its_value_and_the_way_out(spec: dict[str, Any], error: str) -> None:
    errors = _errors(**spec)

    assert len(errors) == 1, errors
    assert error in errors[0]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (
            {"requests": {"jsonSchema": {"description": "x" * 65_536}}},
            "requests.jsonSchema: has 65554 bytes as JSON; at most 65536 are allowed: leave descriptions out",
        ),
        (
            {"requests": {"jsonSchema": _nested(3_000)}},
            "requests.jsonSchema: is nested deeper than 64 levels; write it flatter",
        ),
        (
            {"quality": _probe(expect={"jsonSchema": {"maximum": float("nan")}})},
            "probes[0].expect.jsonSchema: has nan, which is no JSON; write a number, or a text in quotes",
        ),
        (
            {"requests": {"jsonSchema": {"enum": [date(2026, 1, 1)]}}},
            "has datetime.date(2026, 1, 1), which is",
        ),
        ({"requests": {"jsonSchema": {"const": {1: 2}}}}, "has the name 1, which is no text; write it in"),
    ],
)
def test_what_no_json_schema_may_hold_is_said_by_whoever_reads_it(spec: dict[str, Any], error: str) -> None:
    """The API server takes any JSON there, and a file of YAML can hold what is none."""
    errors = _errors(**spec)

    assert len(errors) == 1, errors
    assert error in errors[0]


def test_an_object_that_is_no_monitor_at_all_says_what_is_missing() -> None:
    with pytest.raises(InvalidMonitor) as caught:
        load_monitor({"kind": "Pod", "metadata": {"name": "x", "namespace": "y"}, "status": {"anything": 1}})

    assert caught.value.errors == (
        "LLMMonitor y/x: apiVersion: is required; give it a value",
        "LLMMonitor y/x: kind: 'Pod' must be 'LLMMonitor'",
        "LLMMonitor y/x: spec: is required; give it a value",
    )


@pytest.mark.parametrize("metadata", [None, 3, {}, {"name": "UPPER"}])
def test_metadata_that_names_nothing_is_refused_without_a_crash(metadata: object) -> None:
    with pytest.raises(InvalidMonitor, match="metadata"):
        load_monitor({**_monitor(), "metadata": metadata})
