"""Requests: how many broke the owner's checks over the period, by check, and when."""

from __future__ import annotations

from llmmonitor_cli.report import spelling, statistics, timeline
from llmmonitor_cli.report.document import (
    Block,
    Interval,
    IntervalPlot,
    Line,
    Moment,
    Note,
    Section,
    TimePlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.request_counts import ANY, check_key
from llmmonitor_operator.settings import RequestCheckSettings
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import Count

_Cells = tuple[dict[int, Count], int]


def section(material: Material, period: Period) -> Section:
    """By the counts of the setting in force."""
    found = verdicts(material, "DataValid")
    settings = material.settings.requests if material.settings is not None else None
    counted: dict[str, _Cells] = {}
    if settings is None:
        summary = "What is checked of requests is not known: no readable spec."
    elif not settings.checks:
        summary = "Nothing is checked of requests: spec.requests asks for no check."
    else:
        counted = _counted(material.state, settings, period)
        whole = _total(counted[ANY])
        summary = "No request that was checked is known of within the period."
        if whole.total:
            summary = (
                f"{whole.total:,} requests were checked within the period; {whole.bad:,} of them"
                f" ({wording.share(whole.bad / whole.total)}) broke a check."
            )
    blocks: list[Block] = []
    if settings is not None and counted and _total(counted[ANY]).total:
        blocks = _blocks(material, settings, counted, period)
    return Section(
        id="requests",
        title="Requests",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _counted(state: State, settings: RequestCheckSettings, period: Period) -> dict[str, _Cells]:
    return {
        name: timeline.counted(state, check_key(name, settings.setting), period)
        for name in (ANY, *settings.checks)
    }


def _total(counted: _Cells) -> Count:
    cells = counted[0].values()
    return Count(sum(one.good for one in cells), sum(one.bad for one in cells))


def _share(counted: _Cells) -> Estimated | None:
    return statistics.share([(float(one.bad), float(one.total)) for one in counted[0].values()])


def _blocks(
    material: Material, settings: RequestCheckSettings, counted: dict[str, _Cells], period: Period
) -> list[Block]:
    shares = {name: share for name in (ANY, *settings.checks) if (share := _share(counted[name])) is not None}
    limit = Line(value=settings.max_invalid_rate, label=f"at most {wording.share(settings.max_invalid_rate)}")
    blocks: list[Block] = [
        _table(material, settings, counted),
        IntervalPlot(
            title="Invalid requests by check",
            about="For each check the share of checked requests that break it, with its 95 % interval.",
            unit=Unit.SHARE,
            rows=tuple(
                Interval(name=_named(name), value=one.value, low=one.low, high=one.high, n=round(one.n))
                for name, one in shares.items()
            ),
            lines=(limit,),
            note="Intervals are 95 %, between hours or days, since invalid requests come in clusters; fewer"
            f" than {statistics.FEWEST_STRETCHES} of these give none. The limit"
            " (spec.requests.maxInvalidRate) is of requests that break any check.",
        ),
        _plot(counted[ANY], limit, material, period),
    ]
    changed_at = material.state.versions.changed_at
    if changed_at is not None and period.holds(changed_at):
        blocks.append(
            Note(
                text=f"Counts began anew when the model changed, {spelling.moment(changed_at)}: what an"
                " engine takes changes with it. Those of the version before are not kept."
            )
        )
    return blocks


def _table(material: Material, settings: RequestCheckSettings, counted: dict[str, _Cells]) -> Block:
    status = material.status.requests
    mostly = {one.name: one.mostly or "" for one in status.checks} if status is not None else {}
    rows = []
    for name in (ANY, *settings.checks):
        total = _total(counted[name])
        rows.append(
            (
                _named(name),
                f"{total.bad:,}",
                f"{total.total:,}",
                spelling.share(_share(counted[name]))
                if total.total
                else ("none could be checked", Tone.UNKNOWN),
                mostly.get(name, ""),
            )
        )
    return table(
        "Findings by check, over the period",
        "Check | #Invalid | #Checked | #Share of those checked | Lately mostly",
        rows,
        note="A request may break several checks. Of how many requests a check can be made differs"
        " (docs/requests.md). Mostly: what most of those in the condition's window have, in words of the"
        " owner's or of ours.",
    )


def _plot(counted: _Cells, limit: Line, material: Material, period: Period) -> TimePlot:
    cells, seconds = counted
    step, cut = timeline.step_of(period, seconds), timeline.whole(period, seconds)
    invalid = timeline.line("invalid", cells, cut, step, _invalid, seconds=seconds)
    changed_at = material.state.versions.changed_at
    return TimePlot(
        title="Invalid requests over time",
        about="The share of checked requests that break any check, over time, with the limit of the spec.",
        unit=Unit.SHARE,
        begin=cut.begin,
        end=cut.end,
        series=(invalid,),
        lines=(limit,),
        moments=(Moment(at=changed_at, label="model changed"),)
        if changed_at is not None and cut.begin <= changed_at <= cut.end
        else (),
        note="The band is Wilson's 95 % interval as if requests were independent.",
    )


def _invalid(some: list[Count]) -> Estimated | None:
    return statistics.share_alone(sum(one.bad for one in some), sum(one.total for one in some))


def _named(name: str) -> str:
    return "any check" if name == ANY else name
