from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator.pods.contradiction import contradiction
from llmmonitor_operator.pods.selectors import selects

KEYS, VALUES = ("app", "tier"), ("a", "b", "c")
UNNAMED = "z"
"""A value that no requirement names stands for all others."""


def selector(labels: dict[str, str] | None = None, *expressions: dict[str, Any]) -> LabelSelector:
    given_labels, given_expressions = labels or {}, list(expressions)
    return LabelSelector.model_validate({"matchLabels": given_labels, "matchExpressions": given_expressions})


def on(operator: str, *values: str, key: str = "app") -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


@pytest.mark.parametrize(
    ("contradictory", "words"),
    [
        (selector({"app": "a"}, on("NotIn", "a")), "app=a and app NotIn [a]"),
        (selector({"app": "a"}, on("In", "b")), "app=a and app In [b]"),
        (selector({"app": "a"}, on("DoesNotExist")), "app=a and app DoesNotExist"),
        (selector(None, on("Exists"), on("DoesNotExist")), "app Exists and app DoesNotExist"),
        (selector(None, on("In", "a", "b"), on("NotIn", "b", "a")), "app In [a, b] and app NotIn [b, a]"),
    ],
)
def test_it_is_said_which_requirements_exclude_each_other(contradictory: LabelSelector, words: str) -> None:
    assert contradiction(contradictory) == (
        f"no pod can match it: {words} exclude each other; correct spec.selector"
    )


_expressions = st.one_of(
    st.builds(on, st.sampled_from(["Exists", "DoesNotExist"]), key=st.sampled_from(KEYS)),
    st.builds(
        lambda operator, values, key: on(operator, *values, key=key),
        st.sampled_from(["In", "NotIn"]),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
        st.sampled_from(KEYS),
    ),
)


@given(
    labels=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2),
    expressions=st.lists(_expressions, min_size=1, max_size=4),
)
def test_one_is_found_exactly_where_no_labels_whatever_are_selected(
    labels: dict[str, str], expressions: list[dict[str, Any]]
) -> None:
    one = selector(labels, *expressions)

    every = itertools.product((None, *VALUES, UNNAMED), repeat=len(KEYS))
    pods = [{key: value for key, value in zip(KEYS, values, strict=True) if value} for values in every]
    selected = any(selects(one, {"metadata": {"labels": pod}}) for pod in pods)

    assert bool(contradiction(one)) is not selected
