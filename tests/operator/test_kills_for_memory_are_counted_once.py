"""What the kernel counts and the kubelet says of kills for want of memory, as status, condition and past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import ROOMY, Watch
from tests.operator.full_state import NOW

from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.evaluate import Environment, ExpectedPod
from llmmonitor_operator.oom_kills import KILLS_LIMIT, OOMKill, with_kills
from llmmonitor_operator.pods.pod import oom_killed_at
from llmmonitor_operator.state import State

Make = Callable[..., Watch]
Said = Callable[..., tuple[str, str, str]]
POD = ExpectedPod("uid-0", "chat-0", NOW)


def in_a_cluster(one: Watch, **told: Any) -> None:
    one.environment = Environment(cluster=True, pods=(replace(POD, **told),))


def test_without_a_kill_none_are_said_and_where_nobody_tells_nothing_is(watch: Make) -> None:
    said = []
    for resources in (ROOMY, msgspec.structs.replace(ROOMY, oom_kills=None)):
        one = watch()
        replica = one.replica()
        replica.resources = resources
        said.append(one.gather([replica]).status["resources"])

    assert said[0]["oomKills"] == 0
    assert "oomKills" not in said[1]


def test_what_the_kernel_counts_is_in_the_status_for_an_hour(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.resources = msgspec.structs.replace(ROOMY, oom_kills=2)
    one.gather([replica])
    replica.resources = msgspec.structs.replace(ROOMY, oom_kills=5)

    result = one.gather([replica])
    again = one.gather([replica])
    later = one.gather([replica], 3_700.0)

    assert result.status["resources"]["oomKills"] == 3
    assert said(result, "ResourcesHealthy")[:2] == ("False", "OOMKilled")
    assert again.status["resources"]["oomKills"] == 3
    assert later.status["resources"]["oomKills"] == 0


def test_a_kill_that_ended_the_container_is_told_by_the_kubelet(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.resources = msgspec.structs.replace(ROOMY, oom_kills=None)
    in_a_cluster(one, oom_killed_at=one.now - 30)

    result = one.gather([replica])

    assert result.status["resources"]["oomKills"] == 1
    assert said(result, "ResourcesHealthy")[:2] == ("False", "OOMKilled")


def test_what_both_say_of_one_moment_counts_once() -> None:
    kubelet = OOMKill("u", "chat-0", NOW)
    kernel = OOMKill("u", "chat-0", NOW + 20, 2, counted_at=NOW + 20)

    for order in ((kubelet, kernel), (kernel, kubelet)):
        [found] = with_kills((), order)
        assert found.kills == 2
    assert len(with_kills((), (kubelet, OOMKill("u", "chat-0", NOW + 600), OOMKill("v", "b", NOW)))) == 3


def test_all_that_the_kernel_counts_is_counted_however_close_together(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    for kills in (0, 1, 2, 4, 4, 7, 8, 8, 9, 10):  # by reports 15 s apart, over more than two minutes
        replica.resources = msgspec.structs.replace(ROOMY, oom_kills=kills)
        result = one.gather([replica])

    assert result.status["resources"]["oomKills"] == 10
    assert "memory 0 s ago" in said(result, "ResourcesHealthy")[2]
    assert len(one.state.oom_kills) == 2


def test_nothing_new_is_the_same_object_and_the_newest_are_kept_over_a_restart() -> None:
    many = tuple(OOMKill(f"u{n}", f"chat-{n}", NOW + 1_000 * n) for n in range(KILLS_LIMIT + 9))

    known = with_kills((), many)

    assert with_kills(known, known) is known
    assert with_kills(known, many[:1]) is known, "a pod tells of its last kill long after it was driven out"
    assert known == many[-KILLS_LIMIT:]
    assert decode(encode(State(oom_kills=known)).data).oom_kills == known


@pytest.mark.parametrize("place", ["state", "lastState"])
def test_the_kubelets_word_is_read_from_the_pod(place: str) -> None:
    ended = {"terminated": {"reason": "OOMKilled", "finishedAt": "2026-01-02T03:04:05Z"}}
    status = {"containerStatuses": [{"name": "model", place: ended}]}

    assert oom_killed_at({"status": status}, "model") == 1_767_323_045.0
    assert oom_killed_at({"status": status}, "other") is None
    ended["terminated"]["reason"] = "Error"
    assert oom_killed_at({"status": status}, "model") is None
