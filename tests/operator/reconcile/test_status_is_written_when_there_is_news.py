from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from tests.operator.conftest import Watch
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Invalid, Unavailable
from llmmonitor_operator.reconcile.publish.status_difference import Difference, difference
from llmmonitor_operator.reconcile.publish.status_writer import StatusWriter

MONITORS = paths.monitors("prod")
CHAT = paths.monitor("prod", "chat")
NOW = 1_800_000_000.0
STATUS: dict[str, Any] = {
    "observedGeneration": 3,
    "conditions": [
        {
            "type": "Healthy",
            "status": "True",
            "reason": "AllHold",
            "message": "all gating conditions hold",
            "observedGeneration": 3,
            "lastTransitionTime": "2027-01-15T08:00:00Z",
        },
        {
            "type": "PerformanceHealthy",
            "status": "True",
            "reason": "ObjectivesHold",
            "message": "TTFT p99 230 ms (200–260) ≤ 2 s over 1 d (n=4,210) (as of 59 min ago)",  # noqa: RUF001 - as it is said
            "observedGeneration": 3,
            "lastTransitionTime": "2027-01-15T08:00:00Z",
        },
    ],
    "engine": {"name": "VLLM", "model": "smol"},
    "pods": {"matched": 2, "injected": 2, "reporting": 2, "summary": "2/2"},
    "window": {"start": "2027-01-15T07:00:00Z", "end": "2027-01-15T08:00:00Z", "requests": 4210},
    "performance": {"requestsPerSecond": 1.17, "inFlight": 0},
    "objectives": [
        {
            "name": "errors",
            "signal": "ErrorRate",
            "target": "99%",
            "window": "1d",
            "good": 4209,
            "bad": 1,
            "holds": True,
        },
        {"name": "up", "signal": "Availability", "target": "99%", "window": "1d", "good": 86400},
    ],
    "versions": [{"name": "v1", "lastSeen": "2027-01-15T08:00:00Z", "pods": 2, "requests": 4210}],
    "cost": {"currency": "USD", "periodStart": "2027-01-01T00:00:00Z", "spent": "120.5"},
    "resources": {"memoryUsedBytes": 2 << 30, "memoryShare": 0.5, "cpuCores": 0.00213, "requestsWaiting": 0},
}


def with_(*path: str | int, to: Any) -> dict[str, Any]:
    """The status with one value changed."""
    changed = copy.deepcopy(STATUS)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return changed


def without(*path: str) -> dict[str, Any]:
    changed = copy.deepcopy(STATUS)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed


MESSAGE = "TTFT p99 230 ms (200–260) ≤ 2 s over 1 d (n=4,210) (as of 1 h 4 min ago)"  # noqa: RUF001 - as it is said


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (copy.deepcopy(STATUS), Difference.NONE),
        # at once: what is judged
        (with_("conditions", 1, "status", to="False"), Difference.CONDITIONS),
        (with_("conditions", 1, "reason", to="TooFewRequests"), Difference.CONDITIONS),
        (with_("conditions", 1, "observedGeneration", to=4), Difference.CONDITIONS),
        (with_("conditions", 1, "lastTransitionTime", to="2027-01-15T08:00:01Z"), Difference.CONDITIONS),
        (with_("conditions", to=STATUS["conditions"][:1]), Difference.CONDITIONS),
        (with_("observedGeneration", to=4), Difference.CONDITIONS),
        (with_("pods", "reporting", to=1), Difference.CONDITIONS),
        (
            with_("pods", "notMonitored", to=[{"name": "a", "reason": "Stale"}]),
            Difference.CONDITIONS,
        ),
        (with_("engine", "version", to="0.9.1"), Difference.CONDITIONS),
        (with_("objectives", 0, "holds", to=False), Difference.CONDITIONS),
        # once a minute: there is traffic
        (with_("window", "requests", to=4211), Difference.FIGURES),
        (with_("objectives", 0, "good", to=4210), Difference.FIGURES),
        (with_("performance", "inFlight", to=1), Difference.FIGURES),
        (with_("resources", "requestsWaiting", to=1), Difference.FIGURES),
        # no news without it
        (with_("window", "end", to="2027-01-15T08:00:15Z"), Difference.NONE),
        (with_("conditions", 1, "message", to=MESSAGE), Difference.NONE),
        (with_("window", "requests", to=4100), Difference.NONE),
        (with_("performance", "requestsPerSecond", to=0.4), Difference.NONE),
        (with_("objectives", 1, "good", to=86_399), Difference.NONE),
        (with_("resources", "memoryUsedBytes", to=(2 << 30) * 0.96), Difference.NONE),
        (with_("resources", "memoryShare", to=0.49), Difference.NONE),
        (with_("resources", "cpuCores", to=0.00421), Difference.NONE),
        (with_("cost", "spent", to="121.5"), Difference.NONE),
        (with_("versions", 0, "lastSeen", to="2027-01-15T08:01:00Z"), Difference.NONE),
        # but what stands there must not mislead
        (with_("cost", "spent", to="122"), Difference.FIGURES),
        (with_("versions", 0, "pods", to=1), Difference.FIGURES),
        (with_("versions", to=[{"name": "v2"}, *STATUS["versions"]]), Difference.FIGURES),
        (with_("cost", "periodStart", to="2027-02-01T00:00:00Z"), Difference.FIGURES),
        (with_("window", "requests", to=2000), Difference.FIGURES),
        (without("window"), Difference.FIGURES),
        (with_("resources", "memoryUsedBytes", to=3 << 30), Difference.FIGURES),
        (without("resources", "cpuCores"), Difference.FIGURES),
        (without("resources"), Difference.FIGURES),
        (
            with_("conditions", 1, "message", to="quota compute: limits.memory used up"),
            Difference.FIGURES,
        ),
        (with_("ofTomorrow", to={"known": False}), Difference.FIGURES),
    ],
)
def test_news_and_no_news_are_told_apart(new: dict[str, Any], expected: Difference) -> None:
    assert difference(STATUS, new) is expected


@pytest.mark.parametrize(
    "written", [None, {}, {"conditions": "garbage", "window": 7}, {"conditions": [None]}]
)
def test_a_first_status_and_one_of_another_s_hand_are_put_right_at_once(
    written: dict[str, Any] | None,
) -> None:
    assert difference(written, STATUS) is Difference.CONDITIONS


def test_a_model_that_is_left_alone_is_written_a_few_times_and_then_no_more(
    watch: Callable[..., Any],
) -> None:
    one = watch()
    replica = one.replica()
    written: dict[str, Any] = {}
    writes: list[tuple[float, Difference]] = []

    def follow(requests: int, passes: int, seconds: float) -> None:
        nonlocal written
        for _ in range(passes):
            if requests:
                replica.serve(requests)
            status = one.gather([replica], seconds).status
            found = difference(written, status)
            if found is not Difference.NONE:
                writes.append((one.now, found))
                written = status

    follow(requests=20, passes=40, seconds=15)
    busy = len(writes)
    follow(requests=0, passes=3 * 60, seconds=60)

    idle = [found for _, found in writes[busy:]]
    assert busy == 40
    assert len(idle) <= 6
    last_hour = [at for at, _ in writes if at > one.now - 3600]
    assert last_hour == []
    assert written["window"]["requests"] == 0


@pytest.fixture
def monitor(server: KubeServer) -> dict[str, Any]:
    return server.put(MONITORS, {"metadata": {"name": "chat"}, "spec": {"selector": {}}})


@pytest.mark.usefixtures("monitor")
async def test_a_condition_is_written_at_once_and_figures_once_a_minute(
    kube: Kube, server: KubeServer
) -> None:
    writer = StatusWriter(kube)
    written = []
    for seconds, status in [
        (0, STATUS),
        (15, with_("window", "requests", to=4300)),
        (30, with_("conditions", 1, "status", to="False")),
        (89, with_("window", "requests", to=4400) | {"conditions": _failing()}),
        (90, with_("window", "requests", to=4400) | {"conditions": _failing()}),
        (400, with_("window", "requests", to=4400) | {"conditions": _failing()}),
    ]:
        written.append(await writer.write(server.at(CHAT), status, NOW + seconds))

    assert written == [True, False, True, False, True, False]
    assert server.at(CHAT)["status"]["window"]["requests"] == 4400
    assert len(server.writes()) == 3


def _failing() -> Any:
    return with_("conditions", 1, "status", to="False")["conditions"]


async def test_only_the_status_is_written(kube: Kube, server: KubeServer, monitor: dict[str, Any]) -> None:
    await StatusWriter(kube).write(monitor, STATUS, NOW)

    after = server.at(CHAT)
    assert after["status"] == STATUS
    assert after["spec"] == monitor["spec"]
    assert {k: v for k, v in after["metadata"].items() if k != "resourceVersion"} == {
        k: v for k, v in monitor["metadata"].items() if k != "resourceVersion"
    }


async def test_what_was_written_counts_until_it_is_seen(kube: Kube, monitor: dict[str, Any]) -> None:
    writer = StatusWriter(kube)

    first = await writer.write(monitor, STATUS, NOW)
    again = await writer.write(monitor, copy.deepcopy(STATUS), NOW + 300)  # still as before the first

    assert (first, again) == (True, False)


async def test_a_status_changed_by_another_s_hand_is_put_right(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    writer = StatusWriter(kube)
    await writer.write(monitor, STATUS, NOW)
    server.put(MONITORS, {**server.at(CHAT), "status": {"conditions": []}})

    assert await writer.write(server.at(CHAT), STATUS, NOW + 1)
    assert server.at(CHAT)["status"] == STATUS


async def test_after_a_takeover_a_status_that_says_it_already_is_left(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    await StatusWriter(kube).write(monitor, STATUS, NOW)

    assert not await StatusWriter(kube).write(server.at(CHAT), STATUS, NOW + 300)


async def test_a_monitor_that_is_gone_is_no_error(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    server.remove(CHAT)

    assert not await StatusWriter(kube).write(monitor, STATUS, NOW)


async def test_another_monitor_of_the_same_name_gets_no_foreign_status(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    async def grants_no_reading_by_name(request: web.Request) -> web.Response | None:
        by_name = request.method == "GET" and request.path == CHAT
        return refused(Refusal(403, "cannot get resource llmmonitors", "Forbidden")) if by_name else None

    server.remove(CHAT)
    server.put(MONITORS, {"metadata": {"name": "chat"}, "spec": {"selector": {}}})
    server.fault = grants_no_reading_by_name

    assert not await StatusWriter(kube).write(monitor, STATUS, NOW)
    assert "status" not in server.at(CHAT)


async def test_a_status_that_breaks_the_schema_is_an_error(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    async def refuse(request: web.Request) -> web.Response | None:
        return refused(Refusal(422, "status.pods: Invalid value")) if request.method == "PATCH" else None

    server.fault = refuse

    with pytest.raises(Invalid, match=r"status\.pods"):
        await StatusWriter(kube).write(monitor, STATUS, NOW)


async def _away(_request: web.Request) -> web.Response:
    return refused(Refusal(503, "etcd is slow"))


async def test_a_write_that_failed_is_tried_again(
    kube: Kube, server: KubeServer, monitor: dict[str, Any]
) -> None:
    writer = StatusWriter(kube)
    server.fault = _away
    with pytest.raises(Unavailable):
        await writer.write(monitor, STATUS, NOW)
    server.fault = None

    assert await writer.write(monitor, STATUS, NOW + 1)


async def test_a_status_rests_for_a_minute_unless_there_is_news(
    kube: Kube, server: KubeServer, monitor: dict[str, Any], watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    first = one.gather([replica])
    replica.serve(10)
    more = one.gather([replica])
    stale = one.judge(seconds=600)
    writer = StatusWriter(kube)
    unknown = writer.rests(monitor, first.judged, NOW)

    await writer.write(monitor, first.status, NOW, first.judged)

    seen = server.at(CHAT)
    assert not unknown
    assert writer.rests(monitor, more.judged, NOW + 30)  # the write was not seen yet
    assert writer.rests(seen, more.judged, NOW + 59)
    assert not writer.rests(seen, more.judged, NOW + 60)
    assert not writer.rests(seen, stale.judged, NOW + 30)
    server.put(MONITORS, {**seen, "status": {}})  # by another's hand
    assert not writer.rests(server.at(CHAT), more.judged, NOW + 30)


async def test_a_look_that_found_nothing_new_is_good_for_a_while_of_quiet(
    kube: Kube, server: KubeServer, monitor: dict[str, Any], watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    first, again = one.gather([replica]), one.gather([replica])
    stale = one.judge(seconds=600)
    writer = StatusWriter(kube)
    await StatusWriter(kube).write(monitor, first.status, NOW - 600)
    seen = server.at(CHAT)

    written = await writer.write(seen, again.status, NOW, again.judged)

    assert not written
    assert writer.rests(seen, again.judged, NOW + 39, quiet=True)
    assert not writer.rests(seen, again.judged, NOW + 40, quiet=True)
    assert not writer.rests(seen, again.judged, NOW + 15)  # requests came
    assert not writer.rests(seen, stale.judged, NOW + 15, quiet=True)
    server.put(MONITORS, {**seen, "status": {}})  # by another's hand
    assert not writer.rests(server.at(CHAT), again.judged, NOW + 15, quiet=True)


async def test_figures_that_could_not_be_written_are_written_by_the_next_pass(
    kube: Kube, server: KubeServer, monitor: dict[str, Any], watch: Callable[..., Watch]
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(10)
    first, again = one.gather([replica]), one.gather([replica])
    replica.serve(10)
    more = one.gather([replica])
    writer = StatusWriter(kube)
    await StatusWriter(kube).write(monitor, first.status, NOW - 600)
    seen = server.at(CHAT)
    await writer.write(seen, again.status, NOW, again.judged)
    server.fault = _away
    with pytest.raises(Unavailable):
        await writer.write(seen, more.status, NOW + 15, more.judged)

    assert not writer.rests(seen, more.judged, NOW + 30, quiet=True)
