"""How figures are written on a report: as in conditions' messages, three digits with units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from llmmonitor_cli.report.document import Figure, Tone, Unit
from llmmonitor_cli.report.statistics import Estimated
from llmmonitor_operator.evaluate import wording

NOT_KNOWN = "not known"
_THOUSAND = 1000.0
_ROUND_FROM = 100_000
"""Counts of cells are approximate; from here on digits are left out of exact ones too."""


def spelled(value: float, unit: Unit, currency: str = "") -> str:
    """`230 ms`, `1.2 %`, `4,210`, `3.4/s`, `12.5 USD`."""
    return f"{money(value)} {currency}".rstrip() if unit is Unit.MONEY else _SPELLED[unit](value)


def money(value: float) -> str:
    """Whole cents where it is not whole, or three digits of less than one."""
    if value == round(value):
        return f"{round(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else wording.number(value)


def count(value: float) -> str:
    """Exact as long as that is read at a glance, then `1.24 million`."""
    if value < _ROUND_FROM:
        return f"{round(value):,}"
    for size, word in ((_THOUSAND**3, "billion"), (_THOUSAND**2, "million"), (_THOUSAND, "thousand")):
        if value >= size:
            return f"{wording.number(value / size)} {word}"
    return f"{round(value):,}"


def _seconds(value: float) -> str:
    return wording.latency(value) if value > 0 else "0 s"


def _per_second(value: float) -> str:
    return f"{wording.number(value)}/s"


_SPELLED: dict[Unit, Callable[[float], str]] = {
    Unit.SECONDS: _seconds,
    Unit.SHARE: wording.share,
    Unit.COUNT: count,
    Unit.PER_SECOND: _per_second,
    Unit.BYTES: wording.size,
    Unit.NUMBER: wording.number,
}


def interval(low: float | None, high: float | None, unit: Unit, currency: str = "") -> str:
    """`95 % interval 210 ms to 250 ms`; empty without one."""
    if low is None or high is None:
        return ""
    return f"95 % interval {spelled(low, unit, currency)} to {spelled(high, unit, currency)}"


def moment(at: float) -> str:
    """`2026-03-01 06:00 UTC`."""
    return _written(at, "%Y-%m-%d %H:%M UTC")


def day(at: float) -> str:
    """`2026-03-01`."""
    return _written(at, "%Y-%m-%d")


def _written(at: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):  # a clock that was never set, or of year 60,000
        return "at no time that there is"


def detail(low: float | None, high: float | None, n: float | None, unit: Unit, window: str = "") -> str:
    """Interval, sample size and window, as far as they are known."""
    size = None if n is None else f"n={count(n)}"
    return ", ".join(filter(None, (interval(low, high, unit), size, window)))


def figure(  # noqa: PLR0913 - all that a figure is
    label: str,
    value: float | None,
    unit: Unit,
    *,
    low: float | None = None,
    high: float | None = None,
    n: float | None = None,
    window: str = "",
    tone: Tone = Tone.PLAIN,
    approximate: bool = False,
) -> Figure:
    """A figure with whatever is known of it; `not known` without a value."""
    if value is None:
        return Figure(label=label, text=NOT_KNOWN, unit=unit, detail=window, tone=Tone.UNKNOWN)
    return Figure(
        label=label,
        text=("≈ " if approximate else "") + spelled(value, unit),
        value=value,
        unit=unit,
        low=low,
        high=high,
        n=None if n is None else round(n),
        detail=detail(low, high, n, unit, window),
        tone=tone,
    )


def estimated(
    label: str, found: Estimated | None, unit: Unit, window: str = "", tone: Tone = Tone.PLAIN
) -> Figure:
    """The same of an estimate; where it has no interval, that is said."""
    if found is None:
        return figure(label, None, unit, window=window)
    few = "" if found.low is not None else "too short for an interval"
    return figure(
        label,
        found.value,
        unit,
        low=found.low,
        high=found.high,
        n=found.n,
        window=", ".join(filter(None, (few, window))),
        tone=tone,
    )


def share(found: Estimated | None) -> str:
    """`1.2 % (0.9 to 1.6)`, with its 95 % interval where there is one."""
    if found is None:
        return NOT_KNOWN
    if found.low is None or found.high is None:
        return wording.share(found.value)
    low, high = (wording.number(100 * end, 2) for end in (found.low, found.high))
    return f"{wording.share(found.value)} ({low} to {high})"
