from __future__ import annotations

from dataclasses import replace

import pytest
from tests.operator.attach.restarting_pods import (
    MINUTES,
    OLD,
    OWNER,
    SET,
    WITHIN,
    leaving,
    new_pod,
    old_pod,
    seen,
    with_ready,
)
from tests.operator.model_pods import NOW, running_pod

from llmmonitor_api.status import RestartStatus
from llmmonitor_operator.attach.replicas import controller_of, workload_of
from llmmonitor_operator.attach.restart import Step, next_step
from llmmonitor_operator.attach.restart_seen import Replica

A, B = old_pod("a", created=NOW - 7300), old_pod("b")


def begun() -> RestartStatus:
    """It is a's turn, and that is written."""
    return next_step(None, seen(A, B)).progress


def evicted(at: float = NOW) -> RestartStatus:
    """a is gone, and its successor has not come."""
    return next_step(begun(), seen(B, now=at)).progress


def stopped_at_c() -> RestartStatus:
    late = NOW + WITHIN + 1
    return next_step(evicted(), seen(B, new_pod("c", NOW + 5), now=late)).progress


def the_one_evicted(step: Step) -> str:
    return step.evict.name if step.evict else ""


def test_the_oldest_goes_first_and_it_is_written_before() -> None:
    step = next_step(None, seen(B, A))

    assert the_one_evicted(step) == "a"
    assert step.evict is not None
    assert (step.evict.namespace, step.evict.uid) == ("prod", "uid-a")
    assert step.progress.waiting_for is not None
    assert (step.progress.waiting_for.name, step.progress.waiting_for.evicted) == ("a", None)
    assert (step.progress.planned, step.progress.done) == (2, 0)


def test_an_operator_that_ended_before_the_eviction_evicts_the_same_pod() -> None:
    step = next_step(begun(), seen(B, A, now=NOW + 30))

    assert the_one_evicted(step) == "a"
    assert step.progress.waiting_for == begun().waiting_for, "since when is not forgotten"


def test_pods_without_any_sidecar_have_their_turn_before_the_one_that_was_attached_to() -> None:
    step = next_step(None, seen(A, B, replicas=[Replica(A, OLD, monitored=True), Replica(B, OLD)]))

    assert the_one_evicted(step) == "b"


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([leaving(A), B], "pod a of ReplicaSet chat-7d4b9c is still ending"),
        ([B], "ReplicaSet chat-7d4b9c has 1 of 2 pods"),
        ([B, new_pod("c", NOW + 5)], "pod c of ReplicaSet chat-7d4b9c is not Ready"),
        ([B, new_pod("c", NOW + 5, ready=NOW + 40)], "c is not Ready for 10 s yet"),
        ([B, new_pod("c", NOW + 5, ready=NOW + 20)], "the sidecar of its successor c does not report yet"),
    ],
)
def test_the_next_one_waits_for_the_successor(pods: list[dict[str, object]], words: str) -> None:
    step = next_step(begun(), seen(*pods, ready=2, now=NOW + 45))

    assert step.evict is None
    assert not step.progress.stopped
    assert words in step.progress.message
    assert "waited for until 2027-" in step.progress.message
    assert (step.progress.planned, step.progress.done) == (2, 0)


def test_a_pod_that_does_not_show_yet_that_it_was_evicted_is_not_evicted_again() -> None:
    step = next_step(begun(), seen(A, B, evicted=frozenset({"uid-a"})))

    assert step.evict is None
    assert "pod a of ReplicaSet chat-7d4b9c is still ending" in step.progress.message


def test_a_workload_that_does_not_know_yet_what_is_ready_is_waited_for() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 20)

    step = next_step(evicted(), seen(B, c, reporting=["c"], ready=1, now=NOW + 60))

    assert step.evict is None
    assert "says that 1 of 2 replicas are Ready" in step.progress.message


def test_when_the_successor_reports_the_next_one_goes() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 20)

    step = next_step(evicted(), seen(B, c, reporting=["c"], now=NOW + 60))

    assert the_one_evicted(step) == "b"
    assert (step.progress.planned, step.progress.done) == (2, 1)


def test_in_the_end_all_are_done_and_nothing_changes_any_more() -> None:
    c, d = new_pod("c", NOW + 5, ready=NOW + 20), new_pod("d", NOW + 65, ready=NOW + 80)
    at_b = next_step(evicted(), seen(B, c, reporting=["c"], now=NOW + 60)).progress

    last = next_step(at_b, seen(c, d, reporting=["c", "d"], now=NOW + 120))
    again = next_step(last.progress, seen(c, d, now=NOW + 600))

    assert last.evict is again.evict is None
    assert (last.progress.planned, last.progress.done, last.progress.waiting_for) == (2, 2, None)
    assert last.progress.message == "all 2 replaced"
    assert again.progress == last.progress


def test_the_same_progress_is_found_whenever_the_operator_ends() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 20)
    later = seen(B, c, reporting=["c"], now=NOW + 60)

    missed_everything = next_step(begun(), later)

    assert the_one_evicted(missed_everything) == "b"
    assert missed_everything.progress.done == 1


def test_without_what_was_written_none_goes_while_one_is_missing() -> None:
    assert next_step(None, seen(B, ready=1)).evict is None
    assert next_step(None, seen(leaving(A), B)).evict is None
    assert next_step(None, seen(B, new_pod("c", NOW + 5))).evict is None


def test_two_monitors_that_share_a_workload_replace_one_at_a_time_together() -> None:
    of_another_monitor = leaving(B)

    step = next_step(None, seen(A, of_another_monitor, replicas=[Replica(A, OLD)]))

    assert step.evict is None
    assert "pod b of ReplicaSet chat-7d4b9c is still ending" in step.progress.message


def test_another_workload_of_the_monitor_waits_too() -> None:
    x, y = old_pod("x", "uid-other"), old_pod("y", "uid-other")
    workloads = {OWNER: SET, "uid-other": replace(SET, uid="uid-other", title="ReplicaSet other")}

    step = next_step(evicted(), seen(B, x, y, workloads=workloads))

    assert step.evict is None
    assert step.progress.planned == 4


def test_a_pod_that_is_not_ready_holds_up_its_own_workload_alone() -> None:
    x, y = old_pod("x", "uid-other"), old_pod("y", "uid-other")
    workloads = {OWNER: SET, "uid-other": replace(SET, uid="uid-other", title="ReplicaSet other")}

    step = next_step(None, seen(with_ready(A, since=None), B, x, y, workloads=workloads))

    assert the_one_evicted(step) == "x"


def test_what_the_api_server_says_to_an_eviction_is_said_and_it_is_waited_for() -> None:
    words = "Cannot evict pod as it would violate the pod's disruption budget."

    step = next_step(begun(), seen(A, B, refused={"uid-a": words}, now=NOW + 60 * MINUTES))

    assert step.progress.waiting_for == begun().waiting_for
    assert not step.progress.stopped
    assert words in step.progress.message
    assert the_one_evicted(step) == "a"


def test_nothing_goes_while_the_way_is_closed_and_what_is_under_way_goes_on() -> None:
    shut = next_step(begun(), seen(A, B, closed="injection is suspended"))

    assert shut.evict is None
    assert shut.progress.message == "waits: injection is suspended"
    assert shut.progress.waiting_for is None
    assert next_step(begun(), seen(B, closed="injection is suspended")).progress.waiting_for is not None


def test_a_successor_that_is_not_ready_in_time_stops_it() -> None:
    progress = stopped_at_c()

    assert progress.stopped
    assert progress.failed is not None
    assert progress.failed.name == "c"
    assert progress.message == (
        "stopped at pod c, the successor of a: pod c of ReplicaSet chat-7d4b9c is not Ready, 15 min after"
        " pod a was evicted; it goes on when that pod is gone or the spec changes"
    )


def test_a_stop_holds_though_the_pod_is_ready_after_all() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 5000)

    step = next_step(stopped_at_c(), seen(B, c, reporting=["c"], now=NOW + 6000))

    assert step.evict is None
    assert step.progress == stopped_at_c()


def test_it_goes_on_when_the_failed_pod_is_gone() -> None:
    c, d = new_pod("c", NOW + 5), new_pod("d", NOW + 5000)

    waits = next_step(stopped_at_c(), seen(B, leaving(c), d, now=NOW + 5010)).progress
    done = next_step(waits, seen(B, with_ready(d, since=NOW + 5020), reporting=["d"], now=NOW + 5040))

    assert not waits.stopped
    assert "waited for until" in waits.message
    assert the_one_evicted(done) == "b"
    assert done.progress.done == 1


def test_another_generation_goes_on_with_all_the_time_there_is() -> None:
    late = NOW + WITHIN + 100

    step = next_step(stopped_at_c(), seen(B, new_pod("c", NOW + 5), generation=2, now=late))

    assert step.evict is None
    assert not step.progress.stopped
    assert step.progress.waiting_for is not None
    assert "waited for until" in step.progress.message
    assert (step.progress.generation, step.progress.done) == (2, 0)


def test_another_generation_counts_anew() -> None:
    c, d = new_pod("c", NOW + 5, ready=NOW + 20), new_pod("d", NOW + 65, ready=NOW + 80)
    done = RestartStatus(generation=1, planned=2, done=2, message="all 2 replaced")

    step = next_step(done, seen(c, d, generation=2))

    assert step.progress == RestartStatus(generation=2)


def test_no_successor_in_time_stops_it_until_one_comes() -> None:
    stopped = next_step(evicted(), seen(B, now=NOW + WITHIN + 1)).progress
    still = next_step(stopped, seen(B, now=NOW + WITHIN + 900)).progress
    waits = next_step(stopped, seen(B, new_pod("c", NOW + 2000), now=NOW + 2005)).progress

    assert stopped.stopped
    assert stopped.failed is None
    assert "ReplicaSet chat-7d4b9c has 1 of 2 pods, 15 min after pod a was evicted" in stopped.message
    assert still == stopped
    assert not waits.stopped


def test_a_successor_without_the_sidecar_stops_it_at_once() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 20, native=False)

    step = next_step(evicted(), seen(B, c, replicas=[Replica(B, OLD), Replica(c)], now=NOW + 21))

    assert step.evict is None
    assert step.progress.stopped
    assert "c, the successor of a: it came without a sidecar" in step.progress.message


def test_a_successor_that_would_be_replaced_as_well_stops_it() -> None:
    c = new_pod("c", NOW + 5, ready=NOW + 20)
    again = Replica(c, wanted="it watches port 1", reports=True)

    step = next_step(evicted(), seen(B, c, replicas=[Replica(B, OLD), again], now=NOW + 60))

    assert step.evict is None
    assert step.progress.stopped
    assert "replaced as well: it watches port 1" in step.progress.message


def test_a_workload_that_is_gone_is_waited_for_no_longer() -> None:
    step = next_step(evicted(), seen(workloads={}))

    assert step.progress == RestartStatus(generation=1)


def test_a_workload_that_needs_no_successor_any_more_counts_none() -> None:
    one_replica = {OWNER: replace(SET, replicas=1, ready=1)}

    step = next_step(evicted(), seen(B, workloads=one_replica, now=NOW + 60))

    assert (step.progress.done, step.progress.waiting_for) == (0, None)


def test_a_new_pod_of_another_workload_is_waited_for() -> None:
    growing = new_pod("x", NOW - 5)
    growing["metadata"]["ownerReferences"][0]["uid"] = "uid-other"
    shrinking = replace(seen(A, B), replicas=[Replica(A, OLD), Replica(B, OLD), Replica(leaving(growing))])

    waits = next_step(None, seen(A, B, growing, ready=2))

    assert waits.evict is None
    assert waits.progress.message == "waits: pod x is not Ready"
    assert next_step(None, shrinking).progress.message == "waits: pod x is still ending"


def test_that_one_is_missing_for_our_sake_makes_the_other_not_unrestartable() -> None:
    step = next_step(begun(), seen(B, new_pod("c", NOW + 5), ready=1))

    assert step.not_restartable == {}
    assert step.progress.planned == 2


def test_bare_pods_and_single_replicas_are_not_restartable() -> None:
    bare = running_pod("bare")
    del bare["metadata"]["ownerReferences"]
    single = replace(SET, replicas=1)

    step = next_step(None, seen(bare, A, workloads={OWNER: single}))

    assert step.evict is None
    assert "no controller" in step.not_restartable["uid-bare"]
    assert step.not_restartable["uid-a"] == (
        "ReplicaSet chat-7d4b9c has 1 replica, and two must be Ready so that one serves meanwhile; restart it"
        ' yourself, or allow it by the annotation llmmonitor.io/restart: "true"'
    )
    assert step.progress == RestartStatus(generation=1)


def test_the_annotation_allows_it_and_never_for_a_bare_pod() -> None:
    bare = running_pod("bare")
    del bare["metadata"]["ownerReferences"]
    bare["metadata"]["annotations"] = {"llmmonitor.io/restart": "true"}
    allowed = old_pod("a", restart="true")

    step = next_step(None, seen(bare, allowed, workloads={OWNER: replace(SET, replicas=1, ready=1)}))

    assert the_one_evicted(step) == "a"
    assert set(step.not_restartable) == {"uid-bare"}


def test_two_replicas_of_which_one_is_ready_are_left_alone() -> None:
    step = next_step(None, seen(A, with_ready(B, since=None), ready=1))

    assert step.evict is None
    assert "1 of 2 replicas of ReplicaSet chat-7d4b9c are Ready" in step.not_restartable["uid-a"]


def test_kinds_that_are_not_read_need_the_annotation() -> None:
    controller = controller_of(A)
    assert controller is not None
    unread = {OWNER: workload_of(controller)}

    assert "none of ReplicaSet" in next_step(None, seen(A, workloads=unread)).not_restartable["uid-a"]
    allowed = seen(old_pod("a", restart="true"), workloads=unread)
    assert the_one_evicted(next_step(None, allowed)) == "a"


def _set(replicas: int, ready: int, **owner: object) -> dict[str, object]:
    owners = [{"controller": True, **owner}] if owner else []
    return {
        "metadata": {"ownerReferences": owners},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready},
    }


LWS = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "big", "uid": "u"}


def test_of_a_leader_worker_set_the_groups_count() -> None:
    controller = controller_of(A)
    assert controller is not None

    found = workload_of(controller, _set(2, 2, **LWS), _set(2, 1))

    assert (found.title, found.replicas, found.ready, found.unfit) == ("LeaderWorkerSet big", 2, 1, "")


def test_workers_and_orphans_of_a_leader_worker_set_are_not_replaced() -> None:
    controller = controller_of(A)
    assert controller is not None
    worker = workload_of(controller, _set(3, 3, apiVersion="v1", kind="Pod", name="big-0", uid="u"))
    orphan = workload_of(controller, _set(3, 3, **LWS), None)

    assert "only leaders of a group" in worker.unfit
    assert "LeaderWorkerSet big" in orphan.unfit
