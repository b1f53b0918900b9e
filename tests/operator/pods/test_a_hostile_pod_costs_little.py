"""A pod is anybody's and may be 3 MiB: what reading it costs is bounded, and no text in it ends a pass.

Each of these took from half a minute to all memory, or raised what nobody caught, before it was bounded. The
bound is many times what they take now, and a fraction of what they took.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from tests.operator.model_pods import created_pod

from llmmonitor_api.spec.target import Target
from llmmonitor_operator.pods.containers import environment, expanded
from llmmonitor_operator.pods.pod import our_sidecar
from llmmonitor_operator.pods.serving import NotServing, find_serving

LONG = 200_000
SECONDS = 2.0


def _pod(**changes: Any) -> dict[str, Any]:
    pod = created_pod()
    pod["spec"]["containers"][0] |= changes
    return pod


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"image": "/" * LONG}, id="an image of slashes"),
        pytest.param({"image": "a/" * LONG}, id="an image of folders"),
        pytest.param({"args": ["$(" * LONG]}, id="references that never end"),
        pytest.param({"env": [{"name": "A", "value": "$(" * LONG}]}, id="the same in a variable"),
        pytest.param({"args": ["--x"] * LONG}, id="very many arguments"),
        pytest.param({"command": ["sh", "-c", "a;" * LONG]}, id="a script of very many commands"),
        pytest.param({"command": ["sh", "-c", "${A:-" * LONG]}, id="defaults that never end"),
        pytest.param({"command": ["sh", "-c", '"' * (LONG + 1)]}, id="quotes that never end"),
    ],
)
def test_a_long_text_is_read_in_a_moment(changes: dict[str, Any]) -> None:
    began = time.process_time()

    with contextlib.suppress(NotServing):
        find_serving(_pod(**changes), Target())

    assert time.process_time() - began < SECONDS


def test_variables_that_double_each_other_stay_small() -> None:
    doubling = [{"name": "V0", "value": "x" * 10}]
    doubling += [{"name": f"V{n}", "value": f"$(V{n - 1})$(V{n - 1})"} for n in range(1, 24)]

    found = environment({"env": doubling})

    assert len(found) == len(doubling)
    assert sum(map(len, found.values())) < 2 * 2**20


def test_many_variables_that_name_a_long_one_stay_small() -> None:
    many = [{"name": f"V{n}", "value": "$(LONG)"} for n in range(3000)]

    found = environment({"env": [{"name": "LONG", "value": "x" * LONG}, *many]})

    assert sum(map(len, found.values())) < 2 * 2**20


def test_arguments_that_name_a_long_variable_stay_small() -> None:
    pod = _pod(env=[{"name": "LONG", "value": "x" * LONG}], command=["sh", "-c", "$LONG" * 5000])

    assert find_serving(pod, Target()).port == 8000


def test_what_is_expanded_is_what_was_before() -> None:
    assert expanded("$$(A) $(A)-$(B)$", {"A": "1"}) == "$(A) 1-$(B)$"


@pytest.mark.parametrize("digits", ["9" * 5000, "70000", "0", "-1", "٣"])
def test_a_port_that_is_none_is_no_address_and_no_error(digits: str) -> None:
    told = [{"name": "LLM_MONITOR_API_PORT", "value": digits}]
    pod = created_pod()
    pod["spec"]["initContainers"] = [{"name": "llm-monitor-sidecar", "image": "anybodys", "env": told}]

    sidecar = our_sidecar(pod)

    assert sidecar is not None
    assert sidecar.api_port == 0


def test_an_option_with_very_many_digits_is_passed_over() -> None:
    pod = _pod(args=["--port", "9" * 5000, "--node-rank", "9" * 5000])

    assert find_serving(pod, Target()).port == 8000


def test_a_pod_of_very_many_containers_is_asked_which_one_it_is() -> None:
    pod = _pod()
    first = pod["spec"]["containers"][0]
    pod["spec"]["containers"] += [{**first, "name": f"c{n}"} for n in range(1000)]

    with pytest.raises(NotServing, match=r"1001 containers.*spec\.target\.container"):
        find_serving(pod, Target())

    assert find_serving(pod, Target(container="c7")).container == "c7"
