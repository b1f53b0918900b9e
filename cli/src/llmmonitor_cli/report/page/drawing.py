"""What plots are drawn with: a few shapes with coordinates, scales with round ticks, and nothing of markup.

The page's template writes them as SVG, so that every text is escaped there and colours follow the page
(light, dark, paper). Hand-drawn on purpose: libraries that plot to SVG bring scripts, or texts as outlines
that no colour scheme, search or screen reader can follow, and tens of megabytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Shape:
    """One element of SVG: its name, attributes, and its text (of `text`) or tooltip (of others)."""

    element: str
    attributes: tuple[tuple[str, str], ...]
    text: str = ""


Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height."""


@dataclass(slots=True)
class Drawing:
    """A picture of so many units."""

    width: int
    height: int
    shapes: list[Shape] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight one."""
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self._add("line", kind, ends)

    def rectangle(self, box: Box, kind: str, text: str = "") -> None:
        """One, with a tooltip."""
        x, y, width, height = box
        self._add("rect", kind, {"x": x, "y": y, "width": max(0.0, width), "height": max(0.0, height)}, text)

    def circle(self, x: float, y: float, radius: float, kind: str, text: str = "") -> None:
        """One, with a tooltip."""
        self._add("circle", kind, {"cx": x, "cy": y, "r": radius}, text)

    def path(self, points: list[tuple[float, float]], kind: str, *, closed: bool = False) -> None:
        """Through some points."""
        words = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        found = (("class", kind), ("d", f"M{words}{'Z' if closed else ''}"))
        self.shapes.append(Shape("path", found))

    def text(self, x: float, y: float, words: str, kind: str = "label", anchor: str = "start") -> None:
        """Some words."""
        found = (("class", kind), ("x", _number(x)), ("y", _number(y)), ("text-anchor", anchor))
        self.shapes.append(Shape("text", found, words))

    def _add(self, element: str, kind: str, numbers: dict[str, float], text: str = "") -> None:
        found = (("class", kind), *((name, _number(value)) for name, value in numbers.items()))
        self.shapes.append(Shape(element, found, text))


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; of one outside, the nearer end."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.begin + min(1.0, max(0.0, share)) * (self.end - self.begin)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers that reach from below `low` to above `high`, about so many."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        span = abs(high) or 1.0
    rough = span / max(1, about)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next((one * size for one in (1, 2, 2.5, 5, 10) if one * size >= rough), 10 * size)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * n for n in range(first, max(last, first + 1) + 1)]


_HOURS = (1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 56 * 24, 112 * 24)
_DAY_HOURS = 24


def time_ticks(begin: float, end: float, most: int) -> list[tuple[float, str]]:
    """Round moments in between with their labels, at most so many."""
    step = next((one for one in _HOURS if (end - begin) / 3_600 / one <= most), _HOURS[-1])
    first = datetime.fromtimestamp(begin, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    at = first
    while at.timestamp() <= end:
        if at.timestamp() >= begin:
            found.append((at.timestamp(), _label(at, step)))
        at += timedelta(hours=step)
    return found


def _label(at: datetime, step: int) -> str:
    if step < _DAY_HOURS and at.hour:
        return at.strftime("%H:%M")
    return f"{at.day} {at.strftime('%b')}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
