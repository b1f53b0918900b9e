"""What is wrong with one value the API server says itself: rules in CEL, beside the models' same checks.

That the rules compile and are not too costly is tried on a real API server by the end-to-end tests.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.mistakes import MISTAKES, RIGHT
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.crd import custom_resource_definition
from llmmonitor_api.quantities import DURATION_PATTERN
from llmmonitor_api.spec import InvalidMonitor, load_monitor
from llmmonitor_api.spec.objectives import THRESHOLD_PATTERN, Objective
from llmmonitor_api.spec.privacy import NETWORK_PATTERN

SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]


def _nodes(node: dict[str, Any], path: str = "spec") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if part in node:
            yield from _nodes(node[part], f"{path}[]")


NODES = dict(_nodes(SPEC))


def _load(spec: dict[str, Any]) -> None:
    selector = {"matchLabels": {"app": "chat"}}
    load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat"},
            "spec": {"selector": selector, **spec},
        }
    )


@pytest.mark.parametrize(("spec", "words"), MISTAKES, ids=[str(spec) for spec, _ in MISTAKES])
def test_what_the_api_server_refuses_the_models_refuse(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidMonitor):
        _load(spec)

    rules = [rule["message"] for node in NODES.values() for rule in node.get("x-kubernetes-validations", [])]
    said = [words.startswith("spec."), words == "missing closing )", *(words in message for message in rules)]
    assert any(said), "these are no words of a rule, nor of the server's own"


@pytest.mark.parametrize("spec", RIGHT, ids=str)
def test_what_the_api_server_takes_the_models_take(spec: dict[str, Any]) -> None:
    _load(spec)


def test_every_duration_has_its_range_in_the_schema() -> None:
    durations = {path: node for path, node in NODES.items() if node.get("pattern") == DURATION_PATTERN}

    without = [path for path, node in durations.items() if "x-kubernetes-validations" not in node]

    assert len(durations) >= 12
    assert not without


@pytest.mark.parametrize(
    "path",
    [
        "spec.selector.matchLabels",
        "spec.privacy.trustedProxies[]",
        "spec.interactions.patterns[].pattern",
        "spec.quality.probes[].expect.matches",
        "spec.resources.memory",
        "spec.versions.margin",
    ],
)
def test_a_rule_on_one_value_is_in_the_schema(path: str) -> None:
    [rule] = NODES[path]["x-kubernetes-validations"]

    assert rule["rule"]
    assert re.search("give|write", rule["message"]), "the way out"


def test_a_range_says_the_same_in_python_and_in_the_schema() -> None:
    [rule] = NODES["spec.sampling.reportInterval"]["x-kubernetes-validations"]

    with pytest.raises(InvalidMonitor) as caught:
        _load({"sampling": {"reportInterval": "1s"}})

    assert caught.value.errors == (
        f"LLMMonitor default/chat: spec.sampling.reportInterval: 1s {rule['message']}",
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"privacy": {"trustedProxies": ["10.0.0.1/8"]}}, "10.0.0.1/8 has host bits set; write for example"),
        ({"interactions": {"patterns": [{"name": "x", "pattern": r"\p{Greek}", "max": 1}]}}, "bad escape"),
    ],
)
def test_what_only_the_models_refuse_is_said_with_its_value(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidMonitor, match=re.escape(words)):
        _load(spec)


@given(
    st.from_regex(NETWORK_PATTERN, fullmatch=True)
    | st.ip_addresses().map(str)
    | st.text("0:1.f/", max_size=12)
)
def test_what_is_a_network_to_the_schema_is_one_to_python(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        is_network = False
    else:
        is_network = not re.search("/0[0-9]", text)

    assert bool(re.fullmatch(NETWORK_PATTERN, text)) is is_network


@given(
    st.from_regex(THRESHOLD_PATTERN, fullmatch=True),
    st.sampled_from(["QueueDepth", "KVCacheUse", "Throughput"]),
)
def test_every_count_and_share_that_the_schema_takes_is_above_zero(text: str, signal: str) -> None:
    ends = {"KVCacheUse": "%"}.get(signal, "0123456789kMG")
    if text[-1] not in ends:
        return

    limit = Objective.model_validate(
        {"name": "x", "signal": signal, "threshold": text, "target": "99%"}, by_alias=True
    ).limit

    assert limit is not None
    assert limit > 0
