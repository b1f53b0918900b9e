"""Bounds of the histograms in `/metrics`, as OpenTelemetry's GenAI conventions advise them.

The sidecar shows one replica's figures and the operator a monitor's by the same bounds, so that they compare.
"""

from __future__ import annotations

FIRST_TOKEN_SECONDS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
PER_TOKEN_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
DURATION_SECONDS = tuple(round(0.01 * 2**power, 2) for power in range(14))
TOKENS = tuple(float(4**power) for power in range(14))
