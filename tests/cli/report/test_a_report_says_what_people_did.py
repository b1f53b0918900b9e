"""Requests, outcomes, changes of the model, review, conditions over time: each from the checkpoint."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.cli.report.kept_traffic import CHANGED_DAYS_AGO
from tests.cli.report.kept_weeks import NAME, NAMESPACE, Weeks
from tests.cli.report.test_a_report_says_what_is_known import figures, notes, section, table

from llmmonitor_api.conditions import Status
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.build import document
from llmmonitor_cli.report.document import Document, IntervalPlot, StripPlot, Table, TimePlot, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.page.as_html import as_html
from llmmonitor_cli.report.page.as_json import as_json
from llmmonitor_cli.report.page.as_markdown import as_markdown
from llmmonitor_cli.report.page.strip_plot import strip_plot
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.sections.condition_course import course
from llmmonitor_operator.condition_history import ConditionHistory, Step
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.request_counts import check_key
from llmmonitor_operator.review_kept import ReviewKept
from llmmonitor_operator.state import State

pytestmark = pytest.mark.timeout(600)  # four weeks take seconds to make, on a busy machine minutes

DAY = 86_400


@pytest.fixture(scope="module")
def made(material: Material, month: Period) -> Document:
    return document(material, month, month.end)


def test_invalid_requests_are_counted_by_check_over_the_period(
    made: Document, material: Material, month: Period
) -> None:
    assert material.monitor is not None
    setting = settings_for(material.monitor).requests.setting
    cells = material.state.counts[3][check_key("roles", setting)]
    inside = [one for day, one in cells.items() if month.begin <= (day + 0.5) * DAY <= month.end]

    found = section(made, "requests")

    row = table(found, "Findings by check")["roles"]
    assert row[:2] == [f"{sum(one.bad for one in inside):,}", f"{sum(one.total for one in inside):,}"]
    assert row[3] == "developer"
    assert " to " in row[2]  # its interval
    assert "began anew when the model changed" in notes(found)
    [plot] = [one for one in found.blocks if isinstance(one, TimePlot)]
    assert plot.series[0].points[0].begin >= month.end - (CHANGED_DAYS_AGO + 1) * DAY
    assert [one.label for one in plot.moments] == ["model changed"]


def test_outcomes_have_their_intervals_and_limits_over_the_period(made: Document) -> None:
    found = section(made, "outcomes")
    rows = table(found, "Outcomes over the period")

    assert rows["positive feedback"][3:] == ["at least 80 %", "beyond it"]
    assert rows["stopped"][3:] == ["at most 10 %", "within it"]
    assert rows["rephrased"][3:] == ["none", "not judged"]
    [plot] = [one for one in found.blocks if isinstance(one, IntervalPlot)]
    feedback = plot.rows[0]
    assert feedback.low is not None
    assert feedback.high is not None
    assert feedback.low < feedback.value < feedback.high < 0.8
    said = figures(found)
    assert feedback.n == sum(
        int(said[f"{name} feedback"].value or 0) for name in ("Positive", "Neutral", "Negative")
    )
    assert "replaced by later ones" in said["Positive feedback"].detail


def test_outcomes_of_three_days_are_by_the_hour(material: Material, weeks: Weeks) -> None:
    some = Period(weeks.now - 3 * DAY, weeks.now)

    found = section(document(material, some, some.end), "outcomes")

    plot = next(one for one in found.blocks if isinstance(one, TimePlot))
    assert len(plot.series[0].points) > 70
    assert "whole days" not in notes(found)


def test_a_change_of_the_model_is_said_with_when_and_what(made: Document) -> None:
    found = section(made, "model")

    assert "changed once within the period" in found.summary
    [row] = table(found, "Changes within the period").values()
    assert row[0] == "support-chat-2"
    assert "vLLM 0.18.1 → vLLM 0.19.0" in row[3]
    rounds = table(found, "Newest round of each pod")
    assert rounds["chat-0"][2:] == ["0.0021", "0.01", "120", "the same"]
    [plot] = [one for one in found.blocks if isinstance(one, TimePlot)]
    assert max(point.value for point in plot.series[0].points) == pytest.approx(0.31)


def test_a_pod_beyond_its_limit_is_named_and_is_no_verdict(material: Material, month: Period) -> None:
    canaries = material.state.canaries
    pods = {**canaries.pods, "uid-1": msgspec.structs.replace(canaries.pods["uid-1"], distance=0.4)}
    state = msgspec.structs.replace(material.state, canaries=msgspec.structs.replace(canaries, pods=pods))

    found = section(document(replace(material, state=state), month, month.end), "model")

    assert found.summary.endswith("Canaries of chat-1 lie beyond their limit.")
    assert found.tone is Tone.UNKNOWN
    assert next(iter(table(found, "Newest round of each pod"))) == "chat-1"


def test_verdicts_say_how_precise_each_detector_is_and_which_is_suspended(made: Document) -> None:
    found = section(made, "review")
    rows = table(found, "Verdicts by detector")

    assert found.summary.startswith(
        "225 cases judged by 2 people; suspended: injection-rules 1: promptInjection"
    )
    assert rows["injection-rules 1: promptInjection"][-1] == "suspended"
    assert rows["injection-model 1: jailbreak"][-1] == "precise enough"
    assert rows["pii 1: piiExposed"][-1] == "too few verdicts"
    assert rows["none (unflagged exchanges)"][-1] == "not judged"
    assert "is suspended: " in notes(found)
    [plot] = [one for one in found.blocks if isinstance(one, IntervalPlot)]
    assert all(one.low is not None and one.low <= one.value <= (one.high or 0) for one in plot.rows)
    assert {one.limit for one in plot.rows} == {0.1, 0.5}


def test_who_judged_is_not_named(made: Document) -> None:
    for text in (as_html(made), as_json(made), as_markdown(made)):
        assert "prod:anna" not in text


def test_conditions_are_drawn_from_change_to_change(made: Document, weeks: Weeks) -> None:
    found = section(made, "conditions")

    [plot] = [one for one in found.blocks if isinstance(one, StripPlot)]
    healthy = next(one for one in plot.strips if one.name == "Healthy")
    assert [one.name for one in healthy.spans] == ["Unknown", "True", "False", "True", "False"]
    assert healthy.spans[0].begin == int(weeks.now) - 25 * DAY  # before that it is not known
    assert healthy.spans[-1].end == pytest.approx(weeks.now)
    for one, after in zip(healthy.spans, healthy.spans[1:], strict=False):
        assert one.end == after.begin
    held = table(found, "How long each condition held")["Healthy"]
    assert (held[0], held[4], held[5]) == ("25 d", "4", "5 h")
    ready = table(found, "How long each condition held")["Ready"]
    assert ready[1:4] == ["99.9583 %", "0 %", "0.0417 %"]  # 15 minutes of 25 days are no 100 %
    [changes] = [one for one in found.blocks if isinstance(one, Table) and one.title == "Changes"]
    newest = [cell.text for cell in changes.rows[0]]
    assert newest[:4] == [spelling.moment(healthy.spans[-1].begin), "Healthy", "True → False", "BurnRateHigh"]


def test_a_minute_that_did_not_hold_is_seen_in_a_month() -> None:
    steps = (
        Step(0, Status.TRUE, "AllHold"),
        Step(15 * DAY, Status.FALSE, "BurnRateHigh"),
        Step(15 * DAY + 60, Status.TRUE, "AllHold"),
    )
    state = State(condition_history=ConditionHistory({"Healthy": steps}), newest_at=30 * DAY)
    material = Material(NAMESPACE, NAME, "uid", state, saved_at=30 * DAY)

    [plot] = [one for one in course(material, Period(0, 30 * DAY)) if isinstance(one, StripPlot)]

    for width in (940, 340):
        [bad] = [
            dict(one.attributes)
            for one in strip_plot(plot, width).shapes
            if dict(one.attributes)["class"] == "span bad"
        ]
        assert float(bad["width"]) >= 2


def test_nothing_is_drawn_beyond_what_is_known(material: Material, weeks: Weeks) -> None:
    later = Period(weeks.now - DAY, weeks.now + 6 * DAY)

    found = section(document(material, later, later.end), "conditions")

    [plot] = [one for one in found.blocks if isinstance(one, StripPlot)]
    assert max(span.end for strip in plot.strips for span in strip.spans) <= (material.as_of or 0)


def test_what_was_dropped_is_said(made: Document) -> None:
    text = as_markdown(made)

    assert (
        "Older changes than the newest 40 of a condition went for want of room: 12 of Intercepting." in text
    )


@pytest.mark.parametrize("name", ["requests", "outcomes", "review", "model"])
def test_what_nobody_asked_for_is_said_and_is_no_verdict(
    material: Material, month: Period, name: str
) -> None:
    assert material.monitor is not None
    assert material.settings is not None
    spec = material.monitor.spec.model_copy(
        update={
            "privacy": type(material.monitor.spec.privacy)(),
            "requests": type(material.monitor.spec.requests)(),
            "quality": type(material.monitor.spec.quality)(),
        }
    )
    monitor = material.monitor.model_copy(update={"spec": spec})
    bare = Material(
        NAMESPACE, NAME, "uid", State(review=ReviewKept()), monitor=monitor, settings=settings_for(monitor)
    )

    found = section(document(bare, month, month.end), name)

    assert found.tone in {Tone.UNKNOWN, Tone.PLAIN}
    assert any(word in found.summary + notes(found) for word in ("spec.", "No version"))
