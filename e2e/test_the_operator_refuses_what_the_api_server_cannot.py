"""Some mistakes take a parser: the API server lets them pass, and the monitor itself says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import small_models
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "network": (
        {"privacy": {"trustedProxies": ["10.0.0.1/8"]}},
        "privacy.trustedProxies[0]: 10.0.0.1/8 has host bits set; write for example 10.0.0.0/8",
    ),
    "pattern": (
        {"interactions": {"patterns": [{"name": "greek", "pattern": r"\p{Greek}", "max": 1}]}},
        "interactions.patterns[0].pattern: '\\\\p{Greek}' is no regular expression",
    ),
}


@pytest.mark.usefixtures("product")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_spec_that_cannot_be_read_says_so_in_its_conditions(namespace: Kubectl, name: str) -> None:
    spec, words = MISTAKES[name]
    namespace.apply(small_models.monitor(name, **spec))

    found = condition(namespace, name, Ready="InvalidSpec")

    assert found["Ready"]["status"] == "False"
    assert words in found["Ready"]["message"]

    namespace.apply(small_models.monitor(name))
    found = condition(namespace, name, Ready="True")
    assert found["Ready"]["observedGeneration"] == 2


def test_a_monitor_where_nothing_is_monitored_says_where_it_belongs(product: Installed) -> None:
    product.kubectl.apply(small_models.monitor("misplaced"))
    try:
        found = condition(product.kubectl, "misplaced", Ready="InvalidSpec")
    finally:
        product.kubectl("delete", "llmmonitor/misplaced")

    assert found["Ready"]["status"] == "False"
    assert "namespace llm-monitor is the cluster's or LLM Monitor's own" in found["Ready"]["message"]
