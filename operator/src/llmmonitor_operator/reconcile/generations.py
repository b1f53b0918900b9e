"""The number that orders all configurations a pod ever gets: later monitors before later specs.

A sidecar refuses what is older than what it has. A monitor that is deleted and made anew begins again with
generation 1, and a pod may pass from one monitor to another; so the time of the monitor's creation comes
first. It fits what JSON readers take for an exact integer (2^53) until the year 2242.
"""

from __future__ import annotations

from datetime import datetime

from llmmonitor_operator.kube.raw import Raw

_GENERATION_BITS = 20
_LARGEST = (1 << _GENERATION_BITS) - 1


def configuration_generation(monitor: Raw) -> int:
    """Of a monitor as the API server gives it."""
    metadata = monitor["metadata"]
    created = int(datetime.fromisoformat(metadata["creationTimestamp"]).timestamp())
    return created << _GENERATION_BITS | min(int(metadata.get("generation", 0)), _LARGEST)
