from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from llmmonitor_operator.monitors import Monitors
from llmmonitor_operator.process_settings import (
    InvalidProcessSettings,
    operator_settings,
    webhook_settings,
)
from llmmonitor_operator.shards import Shard, lease_name, read, shard_of, verdicts_name

NAMES = [f"team-{number}" for number in range(1000)]


@pytest.mark.parametrize("count", [2, 3, 16])
def test_every_namespace_has_one_shard_and_no_shard_is_idle(count: int) -> None:
    shards = [Shard(index, count) for index in range(count)]

    owners = [[shard for shard in shards if shard.has(name)] for name in NAMES]

    assert all(len(found) == 1 for found in owners)
    shares = Counter(found[0].index for found in owners)
    assert min(shares[index] for index in range(count)) > 0.6 * len(NAMES) / count


def test_one_operator_has_all_namespaces() -> None:
    assert all(Shard().has(name) for name in NAMES)


@pytest.mark.parametrize(
    ("name", "of_two", "of_sixteen"), [("prod", 0, 14), ("team-1", 0, 8), ("test", 1, 5)]
)
def test_a_namespace_stays_where_it_was_in_every_version(name: str, of_two: int, of_sixteen: int) -> None:
    assert (shard_of(name, 2), shard_of(name, 16)) == (of_two, of_sixteen)


def test_a_person_finds_the_shard_by_sha256sum() -> None:
    said = subprocess.run(["sha256sum"], input=b"prod", capture_output=True, check=True).stdout

    assert shard_of("prod", 7) == int(said[:16], 16) % 7


def test_the_first_shards_objects_have_the_names_of_an_operator_without_shards() -> None:
    assert [lease_name("llm-monitor", index) for index in (0, 1)] == [
        "llm-monitor-operator",
        "llm-monitor-operator-1",
    ]
    assert [verdicts_name("llm-monitor", index) for index in (0, 1)] == [
        "llm-monitor-verdicts",
        "llm-monitor-verdicts-1",
    ]


@pytest.mark.parametrize("text", ["", "2", "2/2", "1/0", "-1/2", "0/17", "0/2/3", "a/b", "\u0660/\u0662"])
def test_what_is_no_shard_is_not_guessed(text: str) -> None:
    assert read(text) is None


def test_monitors_of_other_shards_are_passed_over() -> None:
    woken: list[tuple[str, str]] = []
    monitors = Monitors(woken.append, shard=Shard(1, 2))
    metadata = {"name": "chat", "uid": "u", "generation": 1, "creationTimestamp": "2026-01-05T12:00:00Z"}

    for namespace in ("prod", "test"):
        monitors.take(
            {
                "apiVersion": "llmmonitor.io/v1alpha1",
                "kind": "LLMMonitor",
                "metadata": {**metadata, "namespace": namespace},
                "spec": {"selector": {"matchLabels": {"app": "chat"}}},
            }
        )

    assert woken == [("test", "chat")]
    assert monitors.namespaces == {"test"}


def test_the_processes_are_told_by_their_environment() -> None:
    of_operator = {
        "NAMESPACE": "llm-monitor",
        "POD_NAME": "operator-0",
        "SIDECAR_IMAGE": "sidecar:1",
        "SHARD": "1/2",
    }
    of_webhook = {"NAMESPACE": "llm-monitor", "SHARDS": "2"}
    prefixed = [
        {f"LLM_MONITOR_OPERATOR_{key}": value for key, value in one.items()}
        for one in (of_operator, of_webhook)
    ]

    assert operator_settings(prefixed[0]).shard == Shard(1, 2)
    assert webhook_settings(prefixed[1]).shards == 2


def test_a_wrong_shard_is_said_with_the_way_out() -> None:
    given = {"NAMESPACE": "llm-monitor", "POD_NAME": "one", "SIDECAR_IMAGE": "sidecar:1", "SHARD": "2/2"}

    with pytest.raises(InvalidProcessSettings, match=r"SHARD is '2/2': must be I/N.*0/2 and 1/2"):
        operator_settings({f"LLM_MONITOR_OPERATOR_{key}": value for key, value in given.items()})
