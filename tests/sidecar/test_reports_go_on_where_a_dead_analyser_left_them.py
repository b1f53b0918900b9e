from __future__ import annotations

import errno

import pytest

from llmmonitor_api.report.merge import add
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.analyser.report_maker import Boot, ReportMaker
from llmmonitor_sidecar.analyser.sampling import is_at_rest
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


def test_that_nothing_can_be_drained_is_said_while_it_is_wanted() -> None:
    page = SharedPage()
    page[Slot.DRAIN_ERROR] = errno.EOPNOTSUPP
    reports = analyser(page, "a")

    unasked = reports.make(1.0, 1, 1).interception.cannot_drain
    page[Slot.DRAIN_IDLE_MS] = 60_000
    asked = reports.make(1.0, 1, 1).interception.cannot_drain

    assert (unasked, asked) == ("", "the node's kernel is built without CONFIG_INET_DIAG_DESTROY")


@pytest.mark.parametrize(
    ("running", "waiting", "error", "at_rest"),
    [
        (0, 0, "", True),
        (1, 0, "", False),
        (0, 1, "", False),
        (0, 0, "no answer", False),
        (0, None, "", False),
    ],
)
def test_a_model_is_at_rest_only_by_its_own_word(
    running: int, waiting: int | None, error: str, *, at_rest: bool
) -> None:
    assert is_at_rest(Engine("vLLM", running=running, waiting=waiting, error=error)) is at_rest
    assert not is_at_rest(None)
