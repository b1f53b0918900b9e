"""What detectors are worth, as `make bench-detectors` measured it and wrote to measured.json."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

FALSE_ALARMS_HIGH: Final[dict[str, float]] = json.loads(
    files("llmmonitor_api.interactions").joinpath("measured.json").read_bytes()
)["false_alarms_high"]
"""By kind: the upper 95 % bound of the flagged share of the set of ordinary text that fared worst."""
