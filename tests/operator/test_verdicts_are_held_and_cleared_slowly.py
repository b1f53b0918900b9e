from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llmmonitor_api.report.report import Live, Resources

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
KIND = "PerformanceHealthy"


def test_without_traffic_the_verdict_holds_with_its_age_and_then_is_unknown(watch: Make, said: Said) -> None:
    one = watch(holdFor="1h")
    replica = one.replica()
    replica.serve(100)
    one.gather([replica])

    for _ in range(60):  # 15 min
        one.collect([replica])
    held = said(one.judge(), KIND)
    for _ in range(200):  # another 50 min
        one.collect([replica])
    after = said(one.judge(), KIND)

    assert held[:2] == ("True", "ObjectivesHold")
    assert held[2].endswith("(as of 15 min ago: nothing to judge by since)")
    assert after == ("Unknown", "NoTraffic", "no request for 1 h 5 min")


def test_a_bad_verdict_is_not_cleared_by_silence(watch: Make, said: Said) -> None:
    objectives = [{"name": "errors", "signal": "ErrorRate", "target": "99%", "window": "1h"}]
    one = watch(performance={"objectives": objectives})
    replica = one.replica()
    replica.serve(50, outcome="server_error")
    one.gather([replica])

    for _ in range(25):  # minutes, five times clearAfter
        result = one.gather([replica], 60)

    status, reason, message = said(result, KIND)
    assert (status, reason) == ("False", "BurnRateHigh")
    assert message.endswith("(as of 25 min ago: nothing to judge by since)")
    errors = result.status["objectives"][0]
    assert (errors["holds"], errors["burnRate"]) == (False, 100.0)


def test_good_requests_clear_a_bad_verdict_only_after_clear_after(watch: Make, said: Said) -> None:
    objectives = [{"name": "errors", "signal": "ErrorRate", "target": "99%", "window": "1h"}]
    one = watch(performance={"objectives": objectives}, clearAfter="10m")
    replica = one.replica()
    replica.serve(50, outcome="server_error")
    one.gather([replica])

    seen = []
    for _ in range(40):  # 20 min of good traffic; the last window that fires is 6 min long
        replica.serve(50)
        seen.append(said(one.gather([replica], 30), KIND))

    statuses = [status for status, _, _ in seen]
    cleared = statuses.index("True")
    assert set(statuses[:cleared]) == {"False"}
    assert set(statuses[cleared:]) == {"True"}
    assert 10 * 60 <= (cleared + 1) * 30 <= 11 * 60
    assert "clears after 10 min" in seen[cleared - 1][2]


def test_clients_that_gave_up_on_a_hung_model_do_not_clear_the_stall(watch: Make, said: Said) -> None:
    one = watch(clearAfter="1m")
    replica = one.replica()
    replica.serve(100)
    one.gather([replica])
    replica.live = Live(in_flight=2, oldest_in_flight_seconds=45.0, seconds_without_progress=45.0)
    one.gather([replica])

    replica.live = Live()
    for attempt in range(20):  # 5 min, in which four clients come and go unanswered
        if attempt % 5 == 0:
            replica.serve(1, ttft=math.inf, outcome="aborted")
        result = one.gather([replica])
    hung = said(result, KIND)
    for _ in range(10):
        replica.serve(30)
        result = one.gather([replica])

    assert hung[:2] == ("False", "Stalled")
    assert said(result, KIND)[:2] == ("True", "ObjectivesHold")


def test_memory_back_under_its_limit_clears_after_clear_after(watch: Make, said: Said) -> None:
    one = watch(clearAfter="5m")
    replica = one.replica()

    def memory(used: int) -> Resources:
        return Resources(processes_visible=True, memory_used_bytes=used, memory_limit_bytes=100)

    replica.resources = memory(95)
    full = said(one.gather([replica]), "ResourcesHealthy")
    replica.resources = memory(50)
    clearing = said(one.gather([replica], 240), "ResourcesHealthy")
    clear = said(one.gather([replica], 90), "ResourcesHealthy")

    assert full[:2] == ("False", "MemoryNearLimit")
    assert clearing[:2] == ("False", "MemoryNearLimit")
    assert clearing[2].endswith("not any more for 4 min, clears after 5 min")
    assert clear[:2] == ("True", "WithinLimits")


def test_only_a_change_of_status_moves_its_time_and_makes_an_event(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)
    first = one.gather([replica])
    replica.serve(100)
    second = one.gather([replica])
    replica.serve(100, outcome="server_error")
    third = one.gather([replica])

    times = [
        {condition.type: condition.last_transition_time for condition in result.conditions}
        for result in (first, second, third)
    ]
    assert first.transitions == ()
    assert second.transitions == ()
    assert times[0] == times[1]
    assert {kind for kind in times[0] if times[2][kind] != times[1][kind]} == {KIND, "Healthy"}
    assert [(event.type, event.reason) for event in third.transitions] == [("Warning", "BurnRateHigh")] * 2
    assert third.transitions[1].message.startswith("PerformanceHealthy True → False: errors: errors 33.3 %")


def test_a_changed_objective_begins_anew_and_the_old_counts_go(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100, ttft=1.5)
    before = said(one.gather([replica]), KIND)
    slower = [{"name": "first-token", "signal": "TimeToFirstToken", "threshold": "2s", "target": "99%"}]

    one.monitor = watch(performance={"objectives": slower}).monitor
    changed = one.judge()

    assert before[:2] == ("False", "BurnRateHigh")
    assert changed.status["objectives"][0]["good"] == 0
    assert all(not tier for tier in one.state.counts)
