"""The number that orders all configurations a pod ever gets: later monitors before later specs.

A sidecar refuses what is older than what it has. A monitor that is deleted and made anew begins again with
generation 1, and a pod may pass from one monitor to another; so the time of the monitor's creation comes
first. Then comes what tells monitors of one second apart, as a single `kubectl apply` makes them: under one
number a sidecar that passed between them would be taken for one that has its settings. It fits what JSON
readers take for an exact integer (2^53) until the year 2242.
"""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

_SECOND_BITS = 20
_IDENTITY_BITS = 19
"""The other half of a second is for generations; more of them run on into the seconds that they took."""
_LARGEST = 2**53 - 1


def configuration_generation(created: datetime | None, uid: str, generation: int) -> int:
    """Of a monitor; without a cluster, where nothing says when it was created, its generation alone."""
    if created is None:
        return generation
    identity = crc32(uid.encode()) & ((1 << _IDENTITY_BITS) - 1)
    return min((int(created.timestamp()) << _SECOND_BITS) + identity + generation, _LARGEST)
