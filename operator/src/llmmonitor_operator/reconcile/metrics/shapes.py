"""What the metric families of monitors have in common: whose they are, their samples, and what makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.monitors import Key

Sample = tuple[tuple[str, ...], float]
"""Values of all labels, the monitor's first, and the figure."""
Samples = Iterable[Sample]
Family = Callable[[str, str, tuple[str, ...], Samples], Metric]
"""Makes a gauge or a counter of name, text, labels beside the monitor's, and samples."""


def by_value(counts: Mapping[Key, Mapping[str, int]]) -> Iterator[Sample]:
    """Samples of what is counted by one label's values, the values in order."""
    for key, of_monitor in counts.items():
        for value, times in sorted(of_monitor.items()):
            yield (*key, value), times
