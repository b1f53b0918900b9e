"""Performance: traffic, failures and speed over the period, and the tails of the last day."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from llmmonitor_api.report.histogram import Histogram, Interval
from llmmonitor_api.status import Distribution
from llmmonitor_cli.report import spelling, statistics, timeline
from llmmonitor_cli.report.document import (
    Block,
    Figures,
    Note,
    Point,
    Section,
    Series,
    Stretch,
    TimePlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.anomalies.cell import CELL_SECONDS, Cell, figure, size
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.windows import FIGURE_TIERS

_TAIL_SECONDS = FIGURE_TIERS[-1].reach_seconds
_SPEEDS: tuple[tuple[str, str, Callable[[Cell], tuple[int, int]]], ...] = (
    ("TTFT", "Time to first token", lambda one: (one.first_token, one.first_tokens)),
    ("time per output token", "Time per output token", lambda one: (one.per_token, one.per_tokens)),
    ("request duration", "Request duration", lambda one: (one.duration, one.ended)),
)


def section(material: Material, period: Period) -> Section:
    """From five-minute cells, and for the tails from histograms."""
    found = verdicts(material, "PerformanceHealthy")
    cells = timeline.within(material.cells, period)
    blocks: list[Block] = []
    summary = "No request within the period is known of."
    if cells:
        summary, figures = _figures(cells, period)
        blocks = [figures, *_plots(cells, period)]
    blocks += _tails(material, period)
    return Section(
        id="performance",
        title="Performance",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def failed_share(cells: list[list[Cell]]) -> Estimated | None:
    """Requests that failed by the server's fault, by the stretch."""
    return statistics.share([(float(sum(one.failed for one in some)), _ended(some)) for some in cells])


def typical(cells: list[list[Cell]], read: Callable[[Cell], tuple[int, int]]) -> Estimated | None:
    """The geometric mean of a figure of speed, by the stretch."""
    return statistics.geometric_mean([_log(some, read) for some in cells])


def _log(some: list[Cell], read: Callable[[Cell], tuple[int, int]]) -> tuple[float, float]:
    known = [(figure(code), size(n)) for code, n in map(read, some) if code and n]
    n = sum(one for _, one in known)
    return (sum(log * one for log, one in known) / n, n) if n else (0.0, 0.0)


def _ended(some: list[Cell]) -> float:
    return sum(max(size(one.ended), float(one.failed)) for one in some)


def _figures(cells: dict[int, Cell], period: Period) -> tuple[str, Figures]:
    batches, between = timeline.batches(cells, period)
    begun = sum(size(one.begun) for one in cells.values())
    failed = failed_share(batches)
    speeds = [(title, typical(batches, read)) for _, title, read in _SPEEDS]
    figures = [
        spelling.figure(
            "Requests", begun, Unit.COUNT, window="begun; each five minutes within 5 %", approximate=True
        ),
        spelling.estimated("Failed by the server's fault", failed, Unit.SHARE, between),
        *(
            spelling.estimated(f"Typical {title.lower()}", found, Unit.SECONDS, between)
            for title, found in speeds
        ),
    ]
    words = [f"About {spelling.count(begun)} requests"]
    if failed is not None:
        words.append(f"{wording.share(failed.value)} of those that ended failed by the server's fault")
    if speeds[0][1] is not None:
        words.append(f"the first token came after {wording.latency(speeds[0][1].value)} typically")
    return "; ".join(words) + ".", Figures(figures=tuple(figures))


def _plots(cells: dict[int, Cell], period: Period) -> list[Block]:
    step = timeline.step_of(period)
    every = wording.duration(step)
    gaps = tuple(timeline.holes(cells, period))
    rates = tuple(
        _rate(at * step, (at + 1) * step, some, gaps, period)
        for at, some in timeline.grouped(cells, step).items()
    )
    method = (
        "The band is the 95 % interval between the five-minute stretches of each point (none below"
        f" {statistics.FEWEST_STRETCHES}). Hatched: no request is known of, because there was none or because"
        " nothing was read."
    )
    plots: list[Block] = [
        TimePlot(
            title="Requests per second",
            about=f"Requests begun per second, a point for every {every}.",
            unit=Unit.PER_SECOND,
            begin=period.begin,
            end=period.end,
            series=(Series(name="requests begun", points=rates),),
            gaps=gaps,
        ),
        TimePlot(
            title="Failed requests",
            about=f"The share of ended requests that failed by the server's fault, every {every}.",
            unit=Unit.SHARE,
            begin=period.begin,
            end=period.end,
            series=(
                timeline.line(
                    "failed by the server's fault",
                    cells,
                    period,
                    step,
                    lambda some: failed_share([[one] for one in some]),
                ),
            ),
            gaps=gaps,
            note=method,
        ),
    ]
    for name, title, read in _SPEEDS:
        line = timeline.line(name, cells, period, step, partial(_typical_of_each, read=read))
        if line.points:
            plots.append(
                TimePlot(
                    title=title,
                    about=f"The geometric mean of {name} of all requests, every {every}.",
                    unit=Unit.SECONDS,
                    begin=period.begin,
                    end=period.end,
                    series=(line,),
                    gaps=gaps,
                    note=f"Geometric mean: what is typical; tails are in the table below. {method}",
                )
            )
    return plots


def _typical_of_each(some: list[Cell], read: Callable[[Cell], tuple[int, int]]) -> Estimated | None:
    return typical([[one] for one in some], read)


def _rate(begin: float, end: float, some: list[Cell], gaps: tuple[Stretch, ...], period: Period) -> Point:
    """Over the time in which anything is known: a night that nobody read must not look like a quiet one."""
    begin, end = max(period.begin, float(begin)), min(period.end, float(end))
    unknown = sum(max(0.0, min(end, gap.end) - max(begin, gap.begin)) for gap in gaps)
    n = sum(size(one.begun) for one in some)
    return Point(begin=begin, end=end, value=n / max(float(CELL_SECONDS), end - begin - unknown), n=round(n))


def _tails(material: Material, period: Period) -> list[Block]:
    state = material.state
    rows: list[tuple[str, ...]] = []
    newest = state.newest_at
    if newest is not None and period.begin < newest <= period.end + FIGURE_TIERS[-1].cell_seconds:
        seconds = min(float(_TAIL_SECONDS), newest - period.begin)
        found = state.window(seconds)
        begin = state.window_begin(seconds) or newest
        window = _until(begin, newest)
        for name, histogram in (
            ("Time to first token", found.time_to_first_token),
            ("Time per output token", found.time_per_output_token),
            ("Request duration", found.duration),
        ):
            if histogram.count:
                rows.append((name, window, *_quantiles(histogram), f"{histogram.count:,}"))
    known = {row[:2] for row in rows}  # of a period of an hour the status says the same
    rows += [row for row in _of_status(material) if row[:2] not in known]
    if not rows:
        return [Note(text="Quantiles are not known: histograms are kept for a day.", tone=Tone.UNKNOWN)]
    return [
        table(
            "Tails of the last day",
            "Figure | Window | #Median | #p90 | #p99 | #n",
            rows,
            note="Quantiles within 1 %, with distribution-free 95 % intervals (order statistics). Histograms"
            f" are kept for {wording.duration(_TAIL_SECONDS)}, in cells of"
            f" {wording.duration(FIGURE_TIERS[-1].cell_seconds)}: there are none of longer ago.",
        )
    ]


def _quantiles(histogram: Histogram) -> list[str]:
    return [
        spelling.NOT_KNOWN if value is None else wording.latency_with_interval(value, interval)
        for value, interval in histogram.quantiles((0.5, 0.9, 0.99))
    ]


def _of_status(material: Material) -> list[tuple[str, ...]]:
    """The last hour, which only the status has."""
    performance, window = material.status.performance, material.status.window
    if performance is None or window is None or window.start is None or window.end is None:
        return []
    begin, end = window.start.timestamp(), window.end.timestamp()
    words = _until(begin, end)
    found = (
        ("Time to first token", performance.time_to_first_token_seconds),
        ("Time per output token", performance.time_per_output_token_seconds),
        ("Request duration", performance.request_duration_seconds),
    )
    return [(name, words, *_ends(one), f"{one.count:,}") for name, one in found if one is not None]


def _ends(one: Distribution) -> list[str]:
    texts = []
    for quantile in (one.p50, one.p90, one.p99):
        if quantile is None:
            texts.append(spelling.NOT_KNOWN)
            continue
        ends = Interval(quantile.low, quantile.high)
        texts.append(wording.latency_with_interval(quantile.value, ends))
    return texts


def _until(begin: float, end: float) -> str:
    return f"{wording.duration(end - begin)} until {spelling.moment(end)}"
