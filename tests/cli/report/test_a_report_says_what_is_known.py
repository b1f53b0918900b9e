from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.cli.report.kept_weeks import NAME, NAMESPACE, Weeks
from tests.operator.conftest import monitor_with
from tests.operator.full_state import (
    NOW,
    full_conditions,
    full_history,
    full_quality,
    full_review,
    full_state,
)

from llmmonitor_cli.report.build import document
from llmmonitor_cli.report.document import (
    SCHEMA_VERSION,
    Document,
    Figure,
    Figures,
    IntervalPlot,
    Note,
    Section,
    SpanPlot,
    Table,
    TimePlot,
    Tone,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.page.as_html import as_html
from llmmonitor_cli.report.page.as_json import as_json
from llmmonitor_cli.report.page.as_markdown import as_markdown
from llmmonitor_cli.report.period import Period
from llmmonitor_operator.anomalies.cell import size
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.cost.price import money
from llmmonitor_operator.interaction_counts import flagged_key
from llmmonitor_operator.quality_kept import Outcome, QualityKept, Round, key_of
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import Count

pytestmark = pytest.mark.timeout(300)  # four weeks take seconds to make, on a busy machine a minute or two

DAY = 86_400


def section(made: Document, name: str) -> Section:
    return next(one for one in made.sections if one.id == name)


def table(made: Section, title: str) -> dict[str, list[str]]:
    """Rows by their first cell."""
    found = next(one for one in made.blocks if isinstance(one, Table) and one.title.startswith(title))
    return {row[0].text: [cell.text for cell in row[1:]] for row in found.rows}


def figures(made: Section) -> dict[str, Figure]:
    return {one.label: one for block in made.blocks if isinstance(block, Figures) for one in block.figures}


def notes(made: Section) -> str:
    return " ".join(one.text for one in made.blocks if isinstance(one, Note))


@pytest.fixture(scope="module")
def made(material: Material, month: Period) -> Document:
    return document(material, month, month.end)


def test_the_top_says_whether_it_is_healthy_why_and_since_when(made: Document) -> None:
    top = made.summary

    assert (top.headline, top.tone) == ("Not healthy", Tone.BAD)
    assert top.since is not None
    assert "errors" in top.text
    assert [one.condition for one in top.failing] == [
        *("PerformanceHealthy", "DriftFree", "DataValid", "QualityHealthy", "WithinBudget")
    ]
    assert [one.gating for one in top.failing] == [True, False, False, True, False]
    assert {one.condition for one in top.not_judged} == {"VersionsComparable"}


def test_events_of_objectives_are_those_of_the_whole_days_in_the_period(
    made: Document, weeks: Weeks, month: Period
) -> None:
    rows = table(section(made, "objectives"), "Each objective")

    for key, title in (
        ('["first-token","TimeToFirstToken","2s"]', "first-token"),
        ('["errors","ErrorRate",""]', "errors"),
    ):
        inside = [
            one
            for day, one in weeks.state.counts[3][key].items()
            if month.begin <= (day + 0.5) * DAY <= month.end
        ]
        total = Count(sum(one.good for one in inside), sum(one.bad for one in inside))
        assert rows[title][1] == f"{total.good:,} / {total.bad:,}"
    assert "whole days (UTC) count" in notes(section(made, "objectives"))


def test_a_short_period_is_counted_by_the_hour(material: Material, weeks: Weeks) -> None:
    week = Period(weeks.now - 7 * DAY, weeks.now)

    found = section(document(material, week, week.end), "objectives")

    inside = [
        one
        for hour, one in weeks.state.counts[2]['["errors","ErrorRate",""]'].items()
        if week.begin <= (hour + 0.5) * 3600 <= week.end
    ]
    assert table(found, "Each objective")["errors"][1].endswith(f" / {sum(one.bad for one in inside):,}")
    assert "whole days" not in notes(found)


def test_a_target_that_was_missed_is_said_however_healthy_it_is_now(made: Document) -> None:
    found = section(made, "objectives")

    assert "1 of 2 objectives missed their target over the period: errors" in found.summary
    assert found.tone is Tone.BAD


def test_traffic_and_failures_carry_interval_and_sample_size(
    made: Document, material: Material, month: Period
) -> None:
    found = figures(section(made, "performance"))

    inside = [one for at, one in material.cells.items() if month.begin <= (at + 0.5) * 300 <= month.end]
    requests = sum(size(one.begun) for one in inside)
    failed = sum(one.failed for one in inside)
    ended = sum(max(size(one.ended), one.failed) for one in inside)
    assert found["Requests"].value == pytest.approx(requests)
    share = found["Failed by the server's fault"]
    assert share.value == pytest.approx(failed / ended)
    assert share.n == round(ended)
    assert share.low is not None
    assert share.high is not None
    assert share.low < failed / ended < share.high
    assert "between days" in share.detail


def test_a_night_that_nobody_read_is_a_gap_and_not_a_quiet_night(made: Document) -> None:
    rates = next(one for one in section(made, "performance").blocks if isinstance(one, TimePlot))
    values = [point.value for point in rates.series[0].points]

    assert any("no request is known of" in gap and "9 h" in gap for gap in made.summary.gaps)
    longest = max(rates.gaps[1:], key=lambda one: one.end - one.begin)
    assert longest.end - longest.begin == pytest.approx(0.4 * DAY, rel=0.05)
    assert min(values) > 0.3 * sorted(values)[len(values) // 2]


def test_what_was_before_the_history_is_said_to_be_missing(made: Document, material: Material) -> None:
    first = min(material.cells) * 300

    assert any("begin 2026-12-25" in gap for gap in made.summary.gaps), made.summary.gaps
    assert first > made.period.begin + DAY


def test_money_is_the_ledgers_to_the_last_digit(made: Document, weeks: Weeks, month: Period) -> None:
    [line] = weeks.state.cost.lines
    inside = [one for day, one in line.days.items() if month.begin <= (day + 0.5) * DAY <= month.end]

    assert figures(section(made, "cost"))["Spent"].value == str(money(sum(one.total for one in inside)))
    parts = table(section(made, "cost"), "What it was spent on")
    assert parts["busy"][1] == f"{money(sum(one.busy for one in inside)):,f}"


def test_every_suite_and_attribute_has_its_interval(made: Document) -> None:
    suites, bias = (
        next(one for one in section(made, name).blocks if isinstance(one, IntervalPlot))
        for name in ("quality", "bias")
    )

    assert {one.name for one in suites.rows} >= {"arithmetic", "facts", "injection-resistance"}
    assert all(one.n == 30 and one.low is not None and one.high is not None for one in suites.rows)
    assert all(one.high is not None and one.high > one.value for one in bias.rows)
    assert table(section(made, "bias"), "Attributes")["origin"][1] == "a difference"
    assert "Nothing here calls a model unbiased" in notes(section(made, "bias"))


def test_probes_of_ones_own_stand_beside_the_suites(made: Document) -> None:
    found = section(made, "quality")

    assert table(found, "Own probes")["greeting"][:3] == ["fails", "1", "2"]
    judge = figures(found)["The judge agrees with people in"]
    assert (judge.value, judge.low, judge.high, judge.n) == (0.92, 0.81, 0.97, 44)
    assert len(table(found, "Rounds")) == 5


def test_a_probe_whose_judge_is_not_trusted_is_shown_and_not_judged() -> None:
    endpoint = {"url": "http://judge.prod:8080/v1", "model": "big"}
    probe = {"name": "polite", "prompt": "Hello?", "expect": {"judged": "The answer is polite."}}
    monitor = monitor_with(quality={"judge": endpoint, "probes": [probe], "outcomes": {}})
    settings = settings_for(monitor)
    results = {key_of("", "polite"): Outcome(passed=1)}
    round_ = Round(0.0, "v1", settings.quality.digest, 1, ended=NOW, results=results)
    state = msgspec.structs.replace(State(), quality=QualityKept((round_,)))

    said = document(
        Material("prod", "chat", "u", state, monitor=monitor, settings=settings), Period(NOW - DAY, NOW), NOW
    )

    verdict = table(section(said, "quality"), "Own probes")["polite"][0]
    assert verdict == "not judged: its judge is not trusted"
    privacy = table(section(said, "privacy"), "Settings in force")
    assert privacy["quality.embeddings, quality.judge"][0] == "http://judge.prod:8080/v1"
    assert privacy["quality.outcomes"][0] == "on"


def test_where_engine_and_wire_differ_is_said(made: Document) -> None:
    found = section(made, "engine")

    assert found.tone is Tone.BAD
    assert "do not say the same of completion-tokens" in found.summary
    rows = table(found, "Counted twice")
    assert rows["requests"][:3] == ["Agrees", "2,542", "2,542"]
    assert rows["time-to-first-token"][:3] == ["CannotCompare", "not known", "not known"]


def test_drift_has_score_threshold_sample_size_and_power_of_every_feature(
    made: Document, weeks: Weeks
) -> None:
    found = section(made, "drift")

    rows = table(found, "Features")
    assert rows.keys() == weeks.state.drift.tracks.keys()
    assert rows["PromptTokens"][0].startswith("drift since 2027-01-22")
    assert rows["FinishReason"][0] == "no drift"
    assert all(len(row) == 7 and all(row) for row in rows.values())
    assert figures(found)["Its requests"].value == weeks.baseline.requests


def test_versions_say_when_they_ran_and_how_they_compare(made: Document) -> None:
    found = section(made, "versions")

    spans = next(one for one in found.blocks if isinstance(one, SpanPlot))
    assert [one.name for one in spans.spans] == ["3f9c2d17a0be", "a41e77c09d52"]
    assert [one.label for one in spans.moments] == ["model changed"]
    compared = next(one for one in found.blocks if isinstance(one, IntervalPlot))
    assert [(one.name, one.n) for one in compared.rows] == [
        ("first-token: not decided", 900),
        ("errors: not decided", 900),
    ]
    assert all(one.low is not None and one.low < one.value < (one.high or 0) for one in compared.rows)


def test_findings_with_a_limit_are_counted_over_the_period(
    made: Document, weeks: Weeks, month: Period
) -> None:
    cells = weeks.state.counts[3][flagged_key("refusals")]
    inside = [one for day, one in cells.items() if month.begin <= (day + 0.5) * DAY <= month.end]

    row = table(section(made, "interactions"), "Kinds with a limit")["refusals"]

    assert row[1] == f"{sum(one.bad for one in inside):,}"
    assert row[3] == f"{sum(one.total for one in inside):,}"
    assert row[5].startswith("at most ")


def test_nothing_known_stays_unknown_everywhere(month: Period) -> None:
    nothing = Material(NAMESPACE, NAME, "uid", State())

    made = document(nothing, month, month.end)

    assert (made.summary.headline, made.summary.tone) == ("Health unknown", Tone.UNKNOWN)
    assert not [one.id for one in made.sections if one.tone in {Tone.GOOD, Tone.BAD}]
    assert all(one.value is None for one in made.summary.figures)
    assert any("is a request known" in gap for gap in made.summary.gaps)
    assert as_markdown(made)


def test_the_last_hour_alone_has_its_quantiles_once(material: Material, weeks: Weeks) -> None:
    hour = Period(weeks.now - 3600, weeks.now)

    made = section(document(material, hour, hour.end), "performance")

    tails = next(one for one in made.blocks if isinstance(one, Table) and one.title.startswith("Tails"))
    assert len(tails.rows) == 3


def test_a_period_after_everything_that_is_known_is_said_to_be_empty(
    material: Material, weeks: Weeks
) -> None:
    later = Period(weeks.now + 2 * DAY, weeks.now + 9 * DAY)

    made = document(material, later, later.end)

    assert any("Nothing is known after 2027-01-22 13:00" in gap for gap in made.summary.gaps)
    assert section(made, "performance").summary == "No request within the period is known of."
    assert "not of the period" in notes(section(made, "resources"))
    assert section(made, "cost").summary.startswith("Nothing was charged")


def test_a_window_that_began_anew_is_said(material: Material, month: Period) -> None:
    state = msgspec.structs.replace(
        material.state,
        begun_anew="schema 7",
        begun_anew_at=month.end - 5 * DAY,
        forgotten_until=month.end - DAY,
    )

    made = document(replace(material, state=state), month, month.end)

    assert any("began anew" in gap and "schema 7" in gap for gap in made.summary.gaps)
    assert any("left out counters of pods" in gap for gap in made.summary.gaps)


def test_json_is_the_document_and_says_its_schema(made: Document) -> None:
    text = as_json(made)

    assert msgspec.json.decode(text, type=Document) == made
    plain: dict[str, Any] = msgspec.json.decode(text)
    assert next(iter(plain)) == "schemaVersion"
    assert plain["schemaVersion"] == SCHEMA_VERSION == 1
    assert {one["id"] for one in plain["sections"]} >= {
        *("performance", "objectives", "anomalies", "resources", "engine", "drift", "interactions"),
        *("quality", "bias", "versions", "cost", "conditions", "privacy", "coverage"),
        *("requests", "outcomes", "model", "review"),
    }


def test_the_largest_state_makes_a_page_that_opens(material: Material) -> None:
    rng = random.Random(4)
    state = msgspec.structs.replace(
        full_state(objectives=20, replicas=60),
        versions=full_history(rng, replicas=60),
        quality=full_quality(rng),
        condition_history=full_conditions(rng),
        review=full_review(rng),
        limited_kinds=tuple(f"pattern:{number}" for number in range(32)),
    )
    whole = Period(NOW - 100 * DAY, NOW)

    page = as_html(document(replace(material, state=state), whole, NOW))

    assert len(page) < 3_000_000


def test_absurd_times_are_said_and_harm_nothing(material: Material, month: Period) -> None:
    versions = material.state.versions
    absurd = tuple(
        msgspec.structs.replace(one, first_seen=-1e300, last_seen=1e300, requests=10**40)
        for one in versions.versions
    )
    state = msgspec.structs.replace(
        material.state, versions=msgspec.structs.replace(versions, versions=absurd, changed_at=1e300)
    )

    made = document(replace(material, state=state), month, month.end)

    assert "at no time that there is" in as_html(made)


def test_every_number_is_finite(made: Document) -> None:
    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [n for one in value.values() for n in numbers(one)]
        if isinstance(value, list):
            return [n for one in value for n in numbers(one)]
        return [value] if isinstance(value, float) else []

    assert all(map(math.isfinite, numbers(msgspec.to_builtins(made))))
