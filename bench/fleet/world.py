"""How many monitors and pods there are, what they are called, and at which address each pod answers.

One monitor has a thousand pods (of ten thousand), and the others share the rest evenly: the largest fan-out
and the most objects in one run. Pure; every part of the bench derives the same world from the two numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

FIRST_PORT = 14002
PODS_PER_PROCESS = 2500
"""Each answers at a port of its own; with a connection of the operator's and one of Prometheus' for each."""
MONITORS_PER_NAMESPACE = 9
BIG = "big"
"""The namespace and the monitor with the many pods."""
LARGE_SHARE = 10
"""One pod in so many is the big monitor's."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One simulated replica."""

    number: int
    """From 0, over all."""
    namespace: str
    monitor: str
    name: str

    @property
    def address(self) -> str:
        """In 127.1.0.0/16 and the following; never 127.0.0.1, which others use."""
        return address_of(self.number)

    @property
    def port(self) -> int:
        """Of its sidecar."""
        return FIRST_PORT + self.number // PODS_PER_PROCESS


@dataclass(frozen=True)
class World:
    """Everything there is."""

    monitors: int
    """All of them, the big one included; at least 2."""
    pods: int

    @cached_property
    def every_pod(self) -> tuple[Pod, ...]:
        """In the order of their numbers: the big monitor's first."""
        return tuple(self._pods())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Of monitors and pods."""
        return tuple(dict.fromkeys(namespace for namespace, _ in self.every_monitor))

    @property
    def every_monitor(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name."""
        others = range(self.monitors - 1)
        return ((BIG, BIG), *((namespace_of(number), monitor_of(number)) for number in others))

    @property
    def ports(self) -> tuple[int, ...]:
        """One for each process that answers."""
        return tuple(dict.fromkeys(pod.port for pod in self.every_pod))

    def _pods(self) -> Iterator[Pod]:
        others = self.monitors - 1
        each, left = divmod(self.pods - self.pods // LARGE_SHARE, others)
        big = self.pods // LARGE_SHARE + left
        for number in range(big):
            yield Pod(number, BIG, BIG, f"{BIG}-{number}")
        for number in range(others * each):
            monitor = number // each
            name = f"{monitor_of(monitor)}-{number % each}"
            yield Pod(big + number, namespace_of(monitor), monitor_of(monitor), name)


def address_of(number: int) -> str:
    """Of the pod with this number."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"


def number_at(address: str) -> int:
    """The pod with this address."""
    _, high, middle, low = address.split(".")
    return (int(high) - 1) * 62500 + int(middle) * 250 + int(low) - 1


def namespace_of(monitor: int) -> str:
    """Of the monitor with this number, the big one not counted."""
    return f"team-{monitor // MONITORS_PER_NAMESPACE}"


def monitor_of(monitor: int) -> str:
    """Its name."""
    return f"model-{monitor}"
