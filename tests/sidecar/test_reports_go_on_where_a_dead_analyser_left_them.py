from __future__ import annotations

import pytest

from llmmonitor_api.report.merge import add
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.analyser.report_maker import Boot, ReportMaker
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot

SETTINGS = Settings(mode=Mode.LISTEN, target_port=8000, listen_port=9000, pod_uid="uid")


def analyser(page: SharedPage, boot_id: str) -> ReportMaker:
    """A new analyser, as the supervisor starts one."""
    page.add(Slot.ANALYSER_STARTS_TOTAL)
    return ReportMaker(SETTINGS, page, TrafficReader(), Boot(boot_id, 0.0, 0, "0"))


def counts(reports: ReportMaker) -> InterceptionCounts:
    return reports.make(1.0, 1, 1).totals.interception


def test_what_the_path_did_between_two_analysers_is_in_the_second_ones_report_once() -> None:
    page = SharedPage()
    first = analyser(page, "a")
    page.add(Slot.ACCEPTED_TOTAL, 10)
    last_of_first = counts(first)

    page.add(Slot.ACCEPTED_TOTAL, 5)  # nobody alive to report it
    page.add(Slot.BLIND_NS_TOTAL, 7)
    second = analyser(page, "b")
    page.add(Slot.ACCEPTED_TOTAL, 1)
    last_of_second = counts(second)

    assert last_of_first.accepted == 10
    assert last_of_second.accepted == 6
    whole = add(last_of_first, last_of_second)
    assert (whole.accepted, whole.blind_nanoseconds, whole.analyser_starts) == (16, 7, 2)


def test_a_report_is_cumulative_within_one_life() -> None:
    page = SharedPage()
    reports = analyser(page, "a")
    page.add(Slot.STEP_ASIDES_TOTAL, 2)

    assert counts(reports).step_asides == 2
    assert counts(reports).step_asides == 2


def test_the_added_latency_is_what_the_supervisor_compares_with_its_limit() -> None:
    page = SharedPage()
    page[Slot.HEARTBEAT_NS] = 1
    page[Slot.LOOP_LAG_P99_US], page[Slot.RUN_QUEUE_DELAY_P99_US] = 300, 7_000

    assert analyser(page, "a").make(1.0, 1, 1).interception.added_latency_p99_seconds == pytest.approx(0.007)
