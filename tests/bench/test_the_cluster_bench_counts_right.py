"""What the cluster's bench makes of what it saw; that it runs is proved on a real cluster only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest
from bench import cluster, comparison
from bench.comparison import AGAIN
from bench.figures.scale import SMOKE
from bench.lifecycle import change, first_conditions, start_up, takeover
from bench.lifecycle.firsts import Firsts, condition_true, container_started, has_conditions, watched
from bench.lifecycle.seen import INSTALLED, Seen, against_limit
from bench.lifecycle.site import Site
from e2e.kubectl import Refused
from pydantic import ValidationError

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.kube.api import Kube, Listing
from llmmonitor_operator.kube.errors import Gone

READY = condition_true("Ready")
METRICS = """\
# TYPE llm_monitor_last_evaluation_timestamp_seconds gauge
llm_monitor_last_evaluation_timestamp_seconds{namespace="a",name="chat"} 1.7641e+09
llm_monitor_last_evaluation_timestamp_seconds{namespace="b",name="chat"} 1764100012.5
llm_monitor_pods{namespace="a",name="chat",state="reporting"} 9e+18
"""


def thing(status: str = "", **rest: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": status}, {"type": "Reporting", "status": "False"}]
    return {"metadata": {"name": "chat"}, "status": {"conditions": conditions if status else [], **rest}}


class Watched:
    """An API server whose first watch breaks and whose second one tells of the rest."""

    def __init__(self) -> None:
        self.listings = [thing(), thing("False")]
        self.watches = 0

    async def list(self, path: str, *, field_selector: str) -> Listing:
        assert (path, field_selector) == ("/monitors", "metadata.name=chat")
        return Listing([self.listings[min(self.watches, 1)]], "7")

    async def watch(
        self, path: str, resource_version: str, *, field_selector: str
    ) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        assert (path, resource_version, field_selector) == ("/monitors", "7", "metadata.name=chat")
        self.watches += 1
        if self.watches == 1:
            raise Gone(410, "Expired", "too old")
        yield "BOOKMARK", thing("True")
        yield "MODIFIED", thing("Unknown")
        yield "DELETED", thing("True")
        await asyncio.Event().wait()


def test_only_the_first_time_that_something_holds_counts() -> None:
    firsts = Firsts({"any": has_conditions, "ready": READY}, since=100.0)

    for now, status in ((101.0, ""), (102.0, "False"), (103.0, "True"), (104.0, "False"), (105.0, "True")):
        firsts.look(thing(status), now)

    assert firsts.seconds == {"any": 2.0, "ready": 3.0}
    assert firsts.complete


def test_a_container_has_started_once_it_runs() -> None:
    started = container_started("model")

    def pod(name: str, state: str) -> dict[str, Any]:
        return {"status": {"containerStatuses": [{"name": name, "state": {state: {}}}]}}

    assert started(pod("model", "running"))
    assert not started(pod("model", "waiting"))
    assert not started(pod("llm-monitor-sidecar", "running"))
    assert not started({})


def test_a_broken_watch_is_begun_anew_and_what_never_holds_is_left_out() -> None:
    server = Watched()

    async def look() -> dict[str, float]:
        wanted = {"any": has_conditions, "ready": READY}
        return await watched(cast("Kube", server), "/monitors", "chat", wanted, since=0, within_seconds=0.4)

    took = asyncio.run(look())

    assert set(took) == {"any"}  # a deletion and a bookmark say nothing of how the object is
    assert server.watches == 2


def test_a_round_that_did_not_come_is_a_failure_and_no_value() -> None:
    seen = Seen()
    for seconds in (10.0, 11.0, None, 12.0, 13.0, 14.0):
        seen.took("apply → Ready", INSTALLED, seconds)

    [row] = comparison.rows(
        against_limit("apply → Ready", seen.of("apply → Ready"), [INSTALLED], 15.0, "a note"), {}
    )

    assert (row.ours, row.peer_name, row.n, row.met) == (12.0, "15 s", 5, True)
    assert seen.failures == {"apply → Ready, llm-monitor: not in time": 1}


def test_what_the_sidecar_adds_is_judged_round_by_round_beside_its_a_a_row() -> None:
    seen = Seen()
    for own, other, again in (
        (2.0, 1.0, 1.1),
        (2.2, 1.1, 1.0),
        (1.9, 1.0, 1.0),
        (2.0, 1.0, 1.2),
        (9.0, 1.0, 1.0),
    ):
        seen.took(start_up.STARTED, start_up.INJECTED, own)
        seen.took(start_up.STARTED, start_up.WITHOUT, other)
        seen.took(start_up.STARTED, f"{start_up.WITHOUT}{AGAIN}", again)

    took, more, *_ = start_up.figures(seen)
    a_a, beside = comparison.rows(took, {})
    with_sidecar, without = comparison.rows(more, {})

    assert (a_a.subject, a_a.ratio) == (start_up.WITHOUT, 1.0)
    assert (beside.ours, beside.peer, beside.target) == (2.0, 1.0, None)
    assert (with_sidecar.ours, with_sidecar.peer_name) == (1.0, "2 s")
    assert with_sidecar.met == "indistinguishable"  # one round of five added 8 s
    assert (without.ours, without.met) == (0.0, True)


def test_a_round_that_ended_in_the_middle_has_its_other_values() -> None:
    found = against_limit("x", {"a": [1.0, 2.0], "b": [1.0]}, ["a", "b"], 2.0, "")

    assert [len(values) for values in found.values.values()] == [2, 2, 2]
    assert math.isnan(found.values["b"][1])


@pytest.mark.parametrize("part", cluster.PARTS, ids=lambda part: part.name)
def test_what_could_not_be_had_is_there_with_its_reason(part: cluster.Part) -> None:
    measured, rows = cluster.rows(part, Seen(), "Refused: no such host", others_cluster=False)

    assert len(rows) >= len(measured) >= 2
    assert {row.reason for row in rows} == {"Refused: no such host"}
    assert {row.met for row in rows} == {None}


def test_a_part_that_fails_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_site: Site, _scale: object, _seen: Seen) -> None:
        raise Refused("no nodes")

    async def one(_site: Site, _scale: object, seen: Seen) -> None:
        seen.took(change.IN_FORCE, INSTALLED, 1.0)

    monkeypatch.delenv("E2E_KUBECONFIG", raising=False)
    site = Site(cast("Kube", None), cast("Any", None), "sidecar@x", "operator@y", found=True)
    parts = [
        cluster.Part("conditions", refused, first_conditions.figures),
        cluster.Part("change", one, change.figures),
    ]
    _, found = asyncio.run(cluster.run(site, parts, SMOKE))

    assert found.failures == {"conditions ended early: Refused: no nodes": 1}
    assert {row.name: row.ours for row in found.figures}[change.IN_FORCE] == 1.0
    assert "operator operator@y, sidecar sidecar@x" in found.method["release"]


def test_on_someones_own_cluster_no_process_is_killed_and_the_row_says_so() -> None:
    seen = Seen()
    seen.took(takeover.LED, takeover.DELETED, 3.0)

    _, rows = cluster.rows(cluster.PARTS[-1], seen, "", others_cluster=True)

    killed = [row for row in rows if row.subject == takeover.KILLED]
    assert {row.reason for row in killed} == {takeover.NEEDS_THE_NODES}


def test_the_pods_differ_only_in_whether_they_want_the_sidecar() -> None:
    site = Site(cast("Kube", None), cast("Any", None), "sidecar@x", "operator@y", found=True)
    with_it, without, again = (
        start_up.pod(site, "chat-1", "u-1", "node-1", one) for one in start_up.SUBJECTS
    )

    assert "annotations" not in with_it["metadata"]
    assert without["metadata"].pop("annotations") == {"llmmonitor.io/inject": "false"}
    assert without == with_it
    assert again["metadata"]["annotations"] == {"llmmonitor.io/inject": "false"}


def test_each_change_is_a_spec_that_monitors_may_have_and_another_one() -> None:
    changes = [change.objective(1000 + number) for number in range(3)]

    def monitor(spec: Mapping[str, Any]) -> LLMMonitor:
        metadata = {"name": "chat", "namespace": "a", "uid": "u", "generation": 1}
        given = {"selector": {"matchLabels": {"app": "chat"}}, **spec}
        return LLMMonitor.model_validate(
            {
                "apiVersion": "llmmonitor.io/v1alpha1",
                "kind": "LLMMonitor",
                "metadata": metadata,
                "spec": given,
            }
        )

    assert len({str(monitor(one["spec"]).spec.performance) for one in changes}) == 3
    with pytest.raises(ValidationError):
        monitor({"performance": {"objectives": [{"name": "x", "signal": "NoSuchSignal"}]}})


def test_the_newest_judgement_of_any_monitor_is_read_from_the_metrics() -> None:
    assert takeover.last_judged(METRICS) == 1764100012.5
    assert takeover.last_judged("") == 0.0


def test_nobody_leads_while_the_lease_has_no_holder() -> None:
    assert takeover.holder({"spec": {"holderIdentity": "operator-a"}}) == "operator-a"
    assert takeover.holder({"spec": {"holderIdentity": None}}) == takeover.holder({"spec": {}}) == ""
