"""The API server accepts and refuses as the models do: the examples are those of tests/api."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import mistakes as one_value
from e2e.kubectl import Kubectl, Refused
from tests.api import test_spec_models_and_schema_agree as valid
from tests.api import test_spec_says_every_error_at_once as invalid

from llmmonitor_api.crd.instance import with_defaults

[TABLE] = invalid.test_a_mistake_is_said_with_its_place_its_value_and_the_way_out.pytestmark
MISTAKES: list[tuple[dict[str, Any], str]] = TABLE.args[1]
ONLY_IN_PYTHON = ("has host bits set",)
"""Words of the errors that need a parser: the API server accepts, and the operator says so."""
MORE_MISTAKES: list[dict[str, Any]] = [
    {"selector": {}},
    {"target": {"port": 14_001}},
    {"interception": {"relayPort": 14_002}},
    {"privacy": {"review": {}}},
    one_value.probe(judged="It is polite.", contains="please"),
]
"""For the rules that no example of the table breaks."""
MINIMAL: dict[str, Any] = {"selector": {"matchLabels": {"app": "chat"}}}


def monitor(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat"},
        "spec": spec,
    }


def rules(node: dict[str, Any]) -> list[str]:
    """The messages of all CEL rules below a node of the schema."""
    children = [*node.get("properties", {}).values()]
    children += [node[key] for key in ("items", "additionalProperties") if key in node]
    own = [rule["message"] for rule in node.get("x-kubernetes-validations", [])]
    return [*own, *(message for child in children for message in rules(child))]


def refusal(monitors: Kubectl, spec: dict[str, Any]) -> str | None:
    """What the API server says against a spec; it keeps nothing."""
    try:
        monitors.within("default").apply(monitor({**MINIMAL, **spec}), dry_run=True)
    except Refused as refused:
        return str(refused)
    return None


@pytest.mark.usefixtures("monitors")
@pytest.mark.parametrize("spec", [MINIMAL, valid.FULL], ids=["only a selector", "every field"])
def test_a_valid_monitor_is_kept_with_the_defaults_of_the_design(
    namespace: Kubectl, spec: dict[str, Any]
) -> None:
    namespace.apply(monitor(spec))

    kept = namespace.get("llmmonitor/chat")

    assert kept["spec"] == with_defaults(spec, valid.SCHEMA)
    assert kept["metadata"]["generation"] == 1


@pytest.mark.parametrize(("spec", "error"), MISTAKES, ids=[error[:60] for _, error in MISTAKES])
def test_a_mistake_that_the_models_refuse_is_refused(
    monitors: Kubectl, spec: dict[str, Any], error: str
) -> None:
    said = refusal(monitors, spec)

    if any(words in error for words in ONLY_IN_PYTHON):
        assert said is None, "the API server can say this by itself: take it out of ONLY_IN_PYTHON"
    else:
        assert said is not None


def test_every_rule_of_the_schema_refuses_in_its_own_words(monitors: Kubectl) -> None:
    mistakes = [*(spec for spec, _ in (*MISTAKES, *one_value.MISTAKES)), *MORE_MISTAKES]

    said = "\n".join(filter(None, (refusal(monitors, spec) for spec in mistakes)))

    assert [message for message in rules(valid.SCHEMA) if message not in said] == []
