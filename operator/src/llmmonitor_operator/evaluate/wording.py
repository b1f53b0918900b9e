"""How numbers are written in conditions' messages and events: three significant digits, SI units.

Everything a person reads goes through here, so that a figure looks the same in every message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from llmmonitor_api.report.histogram import Interval

DIGITS = 3
_INTERVAL_DIGITS = 2
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_DURATION_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))
_SECONDS_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_KIBI = 1024
_LATEST = 253_402_300_799
"""The last second of the year 9999: a checkpoint that somebody edited may say more, and its pass goes on."""


def significant(value: float, digits: int = DIGITS) -> float:
    """`value` rounded to `digits` significant digits: 0.0123456 is 0.0123."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def number(value: float, digits: int = DIGITS) -> str:
    """`16.2`, `4,210`, `0.0123`; trailing zeros go."""
    rounded = significant(value, digits)
    if rounded == int(rounded):
        return f"{int(rounded):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}".rstrip("0").rstrip(".")


def count(value: int) -> str:
    """A number of things, exact: `4,210`."""
    return f"{value:,}"


def counted(value: int, thing: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{count(value)} {thing}" if value == 1 else f"{count(value)} {thing}s"


def latency(seconds: float) -> str:
    """`2.31 s`, `230 ms`, `85 µs`."""
    size, unit = _latency_unit(seconds)
    return f"{number(seconds / size)} {unit}"


def latency_with_interval(seconds: float, interval: Interval) -> str:
    """`2.31 s (1.9-2.9)`: a quantile with its interval in the same unit; an open end is said."""
    size, unit = _latency_unit(seconds)
    text = f"{number(seconds / size)} {unit}"
    digits = _enclosing_digits(seconds / size, interval, size)
    low = None if interval.low is None else number(interval.low / size, digits)
    high = None if interval.high is None else number(interval.high / size, digits)
    if low is None and high is None:
        return text
    if high is None:
        return f"{text} (above {low})"
    return f"{text} (below {high})" if low is None else f"{text} ({low}–{high})"  # noqa: RUF001 - a range


def _enclosing_digits(value: float, interval: Interval, unit: float) -> int:
    """Two, unless an interval so rounded would no longer hold the value."""
    low = -math.inf if interval.low is None else significant(interval.low / unit, _INTERVAL_DIGITS)
    high = math.inf if interval.high is None else significant(interval.high / unit, _INTERVAL_DIGITS)
    return _INTERVAL_DIGITS if low < significant(value) < high else DIGITS


def _latency_unit(seconds: float) -> tuple[float, str]:
    return next(((size, unit) for size, unit in _SECONDS_UNITS if seconds >= size), _SECONDS_UNITS[-1])


def duration(seconds: float) -> str:
    """A window or an age, its two largest units: `30 s`, `1 h 24 min`, `3 d`."""
    left = round(seconds)
    parts = []
    for size, unit in _DURATION_UNITS:
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole} {unit}")
    return " ".join(parts[:2]) or "0 s"


def share(ratio: float) -> str:
    """`92.5 %`."""
    return f"{number(100 * ratio)} %"


def share_with_interval(part: int, whole: int) -> str:
    """`3.2 % (2.7-3.8)`: a proportion with its 95 % Wilson score interval (Brown, Cai, DasGupta 2001)."""
    low, high = wilson_interval(part, whole)
    ends = f"{number(100 * low, _INTERVAL_DIGITS)}–{number(100 * high, _INTERVAL_DIGITS)}"  # noqa: RUF001 - a range
    return f"{share(part / whole)} ({ends})"


def wilson_interval(part: float, whole: float, z: float = 1.96) -> tuple[float, float]:
    """The score interval of the proportion part/whole; `whole` > 0."""
    p = part / whole
    centre = p + z * z / (2 * whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def size(byte_count: float) -> str:
    """`1.2 GiB`."""
    power = 0
    while byte_count >= _KIBI and power < len(_BYTE_UNITS) - 1:
        byte_count /= _KIBI
        power += 1
    return f"{number(byte_count)} {_BYTE_UNITS[power]}"


def listed(names: Sequence[str], limit: int = 3) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def quantile_name(q: float) -> str:
    """`p99`, `p99.9`."""
    return f"p{number(100 * q, 5)}"


def moment(at: float) -> str:
    """Unix seconds as Kubernetes writes times: `2026-01-02T03:04:05Z`."""
    return instant(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(at: float) -> datetime:
    """Unix seconds as the status has times: whole seconds, UTC, from 1970 to the year 9999."""
    return datetime.fromtimestamp(min(max(int(at), 0), _LATEST), UTC)
