"""operator.shards: what there is once for each shard, and that one shard is what it always was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2e.helm import HelmRefused, Objects

from llmmonitor_operator.shards import SHARDS_LIMIT, lease_name

Render = Callable[..., Objects]
THREE = {"operator": {"shards": 3}}
OPERATORS = ["llm-monitor-operator", "llm-monitor-operator-1", "llm-monitor-operator-2"]
VERDICTS = ["llm-monitor-verdicts", "llm-monitor-verdicts-1", "llm-monitor-verdicts-2"]


def deployments(objects: Objects) -> dict[str, Any]:
    found = {name: one for (kind, _, name), one in objects.items() if kind == "Deployment"}
    return {name: one for name, one in found.items() if "operator" in name}


def environment(deployment: Any) -> dict[str, str]:
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return {
        one["name"].removeprefix("LLM_MONITOR_OPERATOR_"): one.get("value", "") for one in container["env"]
    }


def names_of(objects: Objects, role: str, resource: str) -> list[list[str]]:
    rules = objects["Role", "llm-monitor", role]["rules"]
    return [
        rule["resourceNames"] for rule in rules if rule["resources"] == [resource] and "resourceNames" in rule
    ]


def test_each_shard_has_a_deployment_that_knows_which_it_is(render: Render) -> None:
    found = deployments(render(THREE))

    assert sorted(found) == OPERATORS
    assert [environment(found[name])["SHARD"] for name in OPERATORS] == ["0/3", "1/3", "2/3"]


def test_a_deployment_selects_its_own_pods_and_the_service_all(render: Render) -> None:
    objects = render(THREE)
    found = deployments(objects)
    service = objects["Service", "llm-monitor", "llm-monitor-operator"]["spec"]["selector"]

    for name, deployment in found.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        matching = [one for one in found if _selects(found[one]["spec"]["selector"]["matchLabels"], labels)]
        # the first one's selector is that of an operator without shards, and can't be changed
        assert set(matching) == {name, OPERATORS[0]}
        assert _selects(service, labels)


def test_the_webhook_is_told_and_may_read_all_of_them(render: Render) -> None:
    objects = render(THREE)

    webhook = environment(objects["Deployment", "llm-monitor", "llm-monitor-webhook"])
    assert webhook["SHARDS"] == "3"
    assert names_of(objects, "llm-monitor-webhook", "leases") == [OPERATORS]
    assert names_of(objects, "llm-monitor-webhook", "configmaps") == [VERDICTS]


@pytest.mark.parametrize("shards", [1, 3, SHARDS_LIMIT])
def test_operators_may_give_their_leases_back_after_shards_became_fewer(render: Render, shards: int) -> None:
    all_there_can_be = [lease_name("llm-monitor", index) for index in range(SHARDS_LIMIT)]

    granted = names_of(render({"operator": {"shards": shards}}), "llm-monitor-operator", "leases")

    assert granted == [all_there_can_be]


def test_one_shard_is_an_operator_as_it_always_was(render: Render) -> None:
    objects = render()
    found = deployments(objects)

    assert list(found) == OPERATORS[:1]
    assert "SHARD" not in environment(found[OPERATORS[0]])
    assert "SHARDS" not in environment(objects["Deployment", "llm-monitor", "llm-monitor-webhook"])
    assert names_of(objects, "llm-monitor-webhook", "configmaps") == [VERDICTS[:1]]


@pytest.mark.parametrize("shards", [0, 17, "2"])
def test_a_number_of_shards_that_cannot_be_is_refused(render: Render, shards: object) -> None:
    with pytest.raises(HelmRefused, match="shards"):
        render({"operator": {"shards": shards}})


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()
