from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_operator.preflight.fingerprint import fingerprint

Rules = dict[str, Any]


def rules() -> Rules:
    return {
        "namespace": {
            "metadata": {
                "name": "prod",
                "resourceVersion": "1",
                "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
            }
        },
        "quotas": [
            {
                "metadata": {"name": "compute"},
                "spec": {"hard": {"limits.memory": "1Gi"}, "scopes": ["NotTerminating"]},
                "status": {"used": {"limits.memory": "0"}},
            },
            {"metadata": {"name": "count"}, "spec": {"hard": {"pods": "3"}}},
        ],
        "limit_ranges": [{"metadata": {"name": "b"}, "spec": {"limits": [{"type": "Pod"}]}}],
    }


def _label(given: Rules) -> None:
    given["namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"


def _any_label(given: Rules) -> None:
    given["namespace"]["metadata"]["labels"]["policy.example.com/strict"] = "yes"


def _mesh(given: Rules) -> None:
    given["namespace"]["metadata"]["annotations"] = {"linkerd.io/inject": "enabled"}


def _hard(given: Rules) -> None:
    given["quotas"][0]["spec"]["hard"]["limits.memory"] = "2Gi"


def _scopes(given: Rules) -> None:
    given["quotas"][0]["spec"]["scopes"] = []


def _scope_selector(given: Rules) -> None:
    given["quotas"][1]["spec"]["scopeSelector"] = {"matchExpressions": [{"scopeName": "BestEffort"}]}


def _no_quota(given: Rules) -> None:
    given["quotas"].pop()


def _limits(given: Rules) -> None:
    given["limit_ranges"][0]["spec"]["limits"] = [{"type": "Pod", "max": {"memory": "1Gi"}}]


@pytest.mark.parametrize(
    "change", [_label, _any_label, _mesh, _hard, _scopes, _scope_selector, _no_quota, _limits]
)
def test_a_change_of_what_decides_about_pods_is_seen(change: Callable[[Rules], None]) -> None:
    before, after = rules(), rules()
    change(after)

    assert fingerprint(**before) != fingerprint(**after)


def test_use_of_a_quota_order_and_bookkeeping_change_nothing() -> None:
    before, after = rules(), copy.deepcopy(rules())
    after["namespace"]["metadata"]["resourceVersion"] = "2"
    after["namespace"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    after["quotas"][0]["status"]["used"]["limits.memory"] = "512Mi"
    after["quotas"].reverse()

    assert fingerprint(**before) == fingerprint(**after)


def test_a_namespace_that_has_not_been_seen_has_a_fingerprint_too() -> None:
    assert fingerprint({}, [], []) != fingerprint(**rules())
