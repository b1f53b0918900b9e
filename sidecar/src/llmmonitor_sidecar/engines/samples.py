"""An engine's exposition as numbers by metric name: untrusted text, so bounded before it is parsed.

Only lines of metrics that the caller knows are parsed: an engine's exposition is mostly histogram buckets
that nobody reads here, and parsing all of them every second would cost more than the rest of the sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

BYTES_LIMIT = 4 * 1024 * 1024
LINES_LIMIT = 5_000
"""Of the wanted metrics alone."""
LINE_LENGTH_LIMIT = 4 * 1024
LARGEST = 2.0**50
"""No counter of an engine comes to more; the sum of LINES_LIMIT of them still fits what a report takes."""


class UnreadableExposition(ValueError):
    """What came from `/metrics` is no exposition; the message says where."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Values by metric name as written (`_total` included), one per label set."""

    values: Mapping[str, list[tuple[Mapping[str, str], float]]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def total(self, name: str) -> float:
        """The sum over all label sets."""
        return sum(value for _, value in self.values[name])

    def largest(self, name: str) -> float:
        """The largest of all label sets."""
        return max(value for _, value in self.values[name])

    def by(self, name: str, label: str) -> dict[str, float]:
        """The sums by one label's values."""
        result: dict[str, float] = {}
        for labels, value in self.values[name]:
            key = labels.get(label, "")
            result[key] = result.get(key, 0.0) + value
        return result


def read(text: str, wanted: frozenset[str]) -> Samples:
    """The samples of the `wanted` names; left out are those that are no number, negative or beyond LARGEST.

    Raises:
        UnreadableExposition: if a wanted line cannot be parsed or there are too many of them.
    """
    lines = [line for line in text.split("\n") if _name(line) in wanted]
    if len(lines) > LINES_LIMIT:
        raise UnreadableExposition(f"{len(lines)} lines of the metrics read here; the limit is {LINES_LIMIT}")
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for line in lines:
        name, labels, value = _parse(line)
        if math.isfinite(value) and 0 <= value <= LARGEST:
            values.setdefault(name, []).append((labels, value))
    return Samples(values)


def _name(line: str) -> str:
    words = line.split("{", 1)[0].split(None, 1)
    return words[0] if words else ""


def _parse(line: str) -> tuple[str, Mapping[str, str], float]:
    if len(line) > LINE_LENGTH_LIMIT:
        raise UnreadableExposition(f"a line of {len(line)} characters; the limit is {LINE_LENGTH_LIMIT}")
    try:
        (family,) = text_string_to_metric_families(line + "\n")
        (sample,) = family.samples
        return sample.name, sample.labels, float(sample.value)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableExposition(f"cannot parse {line[:120]!r}: {error}") from error
