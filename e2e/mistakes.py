"""Specs with one wrong value each, with the API server's words, and specs with values that are just right.

The fast tests try the models with them, the end-to-end tests the definition on an API server.
"""

from __future__ import annotations

from typing import Any

RANGE = "; choose one within"


def objective(**fields: Any) -> dict[str, Any]:
    first_token = {"name": "fast", "signal": "TimeToFirstToken", "threshold": "1s", "target": "99%", **fields}
    given = {name: value for name, value in first_token.items() if value is not None}
    return {"performance": {"objectives": [given]}}


def probe(**expected: Any) -> dict[str, Any]:
    return {"quality": {"probes": [{"name": "sum", "prompt": "1+1?", "expect": expected}]}}


def pattern(text: str) -> dict[str, Any]:
    return {"interactions": {"patterns": [{"name": "own", "pattern": text, "max": 1}]}}


def proxy(text: str) -> dict[str, Any]:
    return {"privacy": {"trustedProxies": [text]}}


def labels(key: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": {key: "x"}}}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (objective(threshold="0s"), "is a duration above zero, 24h at most"),
    (objective(threshold="25h"), "is a duration above zero, 24h at most"),
    (objective(threshold="99999d"), "spec.performance.objectives[0].threshold"),
    (objective(signal="KVCacheUse", threshold="0%"), "is a percentage from 1% to 100%"),
    (objective(signal="QueueDepth", threshold="0"), "is a number of requests above zero"),
    (objective(window="0s"), f"is outside 10m to 90d{RANGE}"),
    (objective(window="99999d"), f"is outside 10m to 90d{RANGE}"),
    (objective(window="2160h1us"), f"is outside 10m to 90d{RANGE}"),
    (objective(signal="QueueDepth", threshold="5", models=["lora-*"]), "are of the whole server"),
    (objective(signal="Availability", threshold=None, operations=["chat"]), "are of the whole server"),
    (objective(models=["no spaces"]), "spec.performance.objectives[0].models[0]"),
    (objective(operations=["embed"]), "spec.performance.objectives[0].operations[0]"),
    ({"sampling": {"reportInterval": "0s"}}, f"is outside 5s to 5m{RANGE}"),
    ({"sampling": {"reportInterval": "9999h"}}, f"is outside 5s to 5m{RANGE}"),
    ({"sampling": {"reportInterval": "999999999h"}}, f"is outside 5s to 5m{RANGE}"),
    ({"sampling": {"resourceInterval": "1ms"}}, f"is outside 1s to 1m{RANGE}"),
    ({"sampling": {"reportInterval": "5s", "resourceInterval": "6s"}}, "must not exceed reportInterval"),
    ({"interception": {"maxAddedLatency": "2s"}}, f"is outside 100us to 1s{RANGE}"),
    ({"interception": {"maxAddedLatency": "0.5us"}}, "spec.interception.maxAddedLatency"),
    ({"holdFor": "169h"}, f"is outside 0s to 7d{RANGE}"),
    ({"holdFor": "1d12h"}, "spec.holdFor"),
    ({"resources": {"memory": "0.00%"}}, "would always be exceeded; give more than 0%"),
    (labels("-app"), "a key is no label's"),
    (labels("example.com/"), "a key is no label's"),
    (labels("a" * 64), "a key is no label's"),
    (pattern("("), "missing closing )"),
    (pattern("(?<!a)b"), "is no regular expression of RE2's syntax"),
    (probe(matches="a**"), "is no regular expression of RE2's syntax"),
    (probe(maxLatency="31m"), f"is outside 1ms to 30m{RANGE}"),
    ({"interactions": {"window": "4m"}}, f"is outside 5m to 7d{RANGE}"),
    ({"interactions": {"clearAfter": "59s"}}, f"is outside 1m to 30d{RANGE}"),
    ({"quality": {"schedule": "31d", **probe(contains="2")["quality"]}}, f"is outside 1m to 30d{RANGE}"),
    (
        {"privacy": {"content": "Redacted", "review": {"maxAge": "59m"}}},
        f"is outside 1h to 30d{RANGE}",
    ),
    (proxy("10.0.0.256"), "is no IP address or network"),
    (proxy("10.0.0.0/33"), "is no IP address or network"),
    (proxy("fd00::1::2"), "is no IP address or network"),
]
RIGHT: list[dict[str, Any]] = [
    objective(threshold="24h", window="90d"),
    objective(signal="KVCacheUse", threshold="1%", window="10m"),
    objective(signal="QueueDepth", threshold="0.5"),
    objective(signal="QueueDepth", threshold=20),
    objective(signal="ChunkGap", threshold="1s"),
    objective(signal="RequestThroughput", threshold="1.5k"),
    objective(signal="MalformedAnswerRate", threshold=None),
    objective(signal="QueueDepth", threshold=20, models=[], operations=[]),
    objective(
        models=["a" * 96, "meta-llama/*", "llama3:8b", "*", "ünïcode"],
        operations=["chat", "text_completion", "embeddings"],
    ),
    {"sampling": {"reportInterval": "5s", "resourceInterval": "1000ms"}},
    {"interception": {"maxAddedLatency": "100µs"}, "holdFor": "0", "clearAfter": "167h59m60s"},
    {"resources": {"memory": "0.000001%"}},
    {"selector": {"matchLabels": {f"example.com/k{number}": "x" * 63 for number in range(50)}}},
    {**pattern(r"(?i)\bkey\s*[=:]\s*\S{8,64}"), **probe(matches="^4$", maxLatency="1ms")},
    {"privacy": {"trustedProxies": ["10.0.0.0/8", "192.0.2.1", "::", "fd00::/8", "64:ff9b::192.0.2.0/120"]}},
]
