"""The number that orders all configurations a pod ever gets: later monitors before later specs.

A sidecar refuses what is older than what it has. A monitor that is deleted and made anew begins again with
generation 1, and a pod may pass from one monitor to another; so the time of the monitor's creation comes
first. It fits what JSON readers take for an exact integer (2^53) until the year 2242.
"""

from __future__ import annotations

from datetime import datetime

_GENERATION_BITS = 20
_LARGEST = (1 << _GENERATION_BITS) - 1


def configuration_generation(created: datetime | None, generation: int) -> int:
    """Of a monitor; without a cluster, where nothing says when it was created, its generation alone."""
    if created is None:
        return generation
    return int(created.timestamp()) << _GENERATION_BITS | min(generation, _LARGEST)
