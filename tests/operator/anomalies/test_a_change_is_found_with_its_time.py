from __future__ import annotations

import math

import msgspec
import pytest
from tests.operator.anomalies.streams import DAY_ZERO, Stream, after, alarmed, with_gaps

from llmmonitor_operator.anomalies import watch as watch_module
from llmmonitor_operator.anomalies.bootstrap import Chance
from llmmonitor_operator.anomalies.cell import CELLS_A_DAY
from llmmonitor_operator.anomalies.detector import Track
from llmmonitor_operator.anomalies.watch import Watch, learnt

DAYS = 15
FIRST = (DAY_ZERO + DAYS) * CELLS_A_DAY
"""The cell after the history."""
NOON = CELLS_A_DAY // 2


@pytest.fixture(scope="module")
def known() -> tuple[Stream, Watch]:
    """A service of which fifteen days are known, and its watch at the next noon."""
    stream = Stream()
    watch = learnt(Watch(), stream.days(DAYS), seed=1)
    return stream, after(watch, [stream.cell(slot) for slot in range(NOON)], FIRST)


def test_a_week_without_a_change_is_quiet(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    week = [stream.cell(slot % CELLS_A_DAY) for slot in range(NOON, NOON + 7 * CELLS_A_DAY)]

    seen: set[str] = set()
    for number, cell in enumerate(week):
        watch = after(watch, [cell], FIRST + NOON + number)
        seen |= alarmed(watch).keys()

    assert len(seen) <= 1


def test_twice_as_slow_is_found_in_a_quarter_of_an_hour_with_its_begin(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    slow = [stream.cell(NOON + number, slower=2) for number in range(3)]

    watch = after(watch, slow, FIRST + NOON)

    since = alarmed(watch)
    assert {"TTFT", "time per output token", "request duration"} <= since.keys()
    assert all(abs(at - (FIRST + NOON)) <= 2 for at in since.values())
    assert watch.tracks["time per output token"].factor == pytest.approx(2, rel=0.15)
    assert watch.tracks["TTFT"].alarms_a_month < 0.3


def test_a_burst_of_errors_is_found_and_blamed_on_nothing_else(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    failing = [stream.cell(NOON + number, failing=0.2) for number in range(4)]

    since = alarmed(after(watch, failing, FIRST + NOON))

    assert set(since) == {"errors"}
    assert abs(since["errors"] - (FIRST + NOON)) <= 1


def test_throughput_that_is_lost_while_requests_keep_coming_is_found(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    stuck = [stream.cell(NOON + number, finishing=0.7) for number in range(3)]

    since = alarmed(after(watch, stuck, FIRST + NOON))

    assert set(since) == {"requests finished"}


def test_traffic_that_falls_to_a_fifth_is_no_anomaly(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    fewer = Stream(seed=5, requests=stream.requests // 5, unrest=stream.unrest)

    watch = after(watch, [fewer.cell(NOON + number) for number in range(24)], FIRST + NOON)

    assert not alarmed(watch)


def test_beside_an_anomaly_it_is_told_how_the_traffic_is(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    more = Stream(seed=5, requests=stream.requests * 3, unrest=stream.unrest)

    watch = after(watch, [more.cell(NOON + number, slower=2) for number in range(6)], FIRST + NOON)

    track = watch.tracks["time per output token"]
    assert track.alarm_since is not None
    assert track.traffic_factor == pytest.approx(3, rel=0.15)


def test_one_cell_however_bad_is_no_change(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    cells = [stream.cell(NOON, slower=50, failing=0.9, finishing=0.1), *(stream.cell(NOON + 1) for _ in "12")]

    assert not alarmed(after(watch, cells[:1], FIRST + NOON))


def test_an_alarm_ends_once_the_figure_has_come_back(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    watch = after(watch, [stream.cell(NOON + number, slower=2) for number in range(6)], FIRST + NOON)
    begun = alarmed(watch)

    watch = after(watch, [stream.cell(NOON + 6 + number) for number in range(3)], FIRST + NOON + 6)

    assert begun
    assert not alarmed(watch)


def test_cells_that_are_missing_keep_nothing_from_being_found() -> None:
    stream = Stream(seed=3)
    watch = learnt(Watch(), with_gaps(stream.days(DAYS), every=3), seed=1)
    slow = [None if number % 3 == 0 else stream.cell(NOON + number, slower=2) for number in range(6)]

    since = alarmed(after(watch, slow, FIRST + NOON))

    assert "time per output token" in since


def test_an_excursion_does_not_go_on_over_hours_without_traffic(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    watch = after(watch, [stream.cell(NOON, slower=3)], FIRST + NOON)
    high = watch.tracks["TTFT"].height

    watch = after(watch, [stream.cell(NOON + 40)], FIRST + NOON + 40)

    assert high > 3
    assert watch.tracks["TTFT"].height < 3


@pytest.mark.parametrize("days", [3, 13])
def test_before_fourteen_days_nothing_is_judged(days: int) -> None:
    watch = learnt(Watch(), Stream().days(days), seed=1)

    assert watch.models == {}
    slow = [Stream(seed=2).cell(slot, slower=20) for slot in range(6)]
    assert not alarmed(after(watch, slow, FIRST))


def test_a_service_that_is_seldom_asked_is_not_judged() -> None:
    days = with_gaps(Stream().days(20), every=1)
    for row in days.values():
        row[100:140] = [Stream().cell(100)] * 40

    assert learnt(Watch(), days, seed=1).models == {}


def test_a_past_incident_does_not_become_what_is_usual() -> None:
    stream = Stream(seed=4)
    days = stream.days(DAYS)
    clean = learnt(Watch(), days, seed=1)
    for slot in range(120, 144):
        days[DAY_ZERO + 9][slot] = stream.cell(slot, slower=4)

    after_incident = learnt(Watch(), days, seed=1)

    one, other = (watch.models["TTFT"] for watch in (clean, after_incident))
    assert max(abs(a - b) for a, b in zip(one.usual.hours, other.usual.hours, strict=True)) < 0.02
    assert math.sqrt(other.usual.variance) < 1.2 * math.sqrt(one.usual.variance)


@pytest.mark.parametrize(
    ("heights", "said"),
    [
        ((12.4, 0.0, 0.0), {"TTFT"}),  # by chance .09 times in 30 days: less than .3 / 3
        ((12.2, 12.2, 12.2), set()),  # each .11 times: not one of three
        ((12.4, 12.0, 11.3), {"TTFT", "time per output token", "request duration"}),  # .3 / 3, / 2, / 1
        ((12.4, 11.8, 11.3), {"TTFT"}),  # the second is too likely, so the third is not looked at
    ],
)
def test_of_a_family_those_members_are_said_that_holm_rejects(
    known: tuple[Stream, Watch], heights: tuple[float, ...], said: set[str]
) -> None:
    names = ("TTFT", "time per output token", "request duration")
    models = {
        name: msgspec.structs.replace(known[1].models[name], chance=Chance(threshold_of_one=10, slope=1))
        for name in names
    }
    tracks = {
        name: Track(height=height, since=FIRST, at=FIRST, sum=1.0, cells=1)
        for name, height in zip(names, heights, strict=True)
    }

    after_holm = watch_module._with_alarms(models, tracks, FIRST)

    assert {name for name, track in after_holm.items() if track.alarm_since is not None} == said


def test_what_is_a_few_percent_off_is_never_said(known: tuple[Stream, Watch]) -> None:
    models = {"errors": known[1].models["errors"]}

    tracks = watch_module._with_alarms(
        models, {"errors": Track(height=900, at=FIRST, sum=0.05, cells=1)}, FIRST
    )

    assert tracks["errors"].alarm_since is None


def test_what_is_watched_and_what_has_an_alarm_can_be_shown(known: tuple[Stream, Watch]) -> None:
    stream, watch = known
    failing = after(watch, [stream.cell(NOON + number, failing=0.5) for number in range(4)], FIRST + NOON)

    assert failing.alarms == {name: name == "errors" for name in watch.models}
    assert Watch().alarms == {}
