"""The conditions that this version does not judge: they exist, say so, and never gate `Healthy`.

Each gets a file of its own when its signal is collected; then its row in `registry.py` changes.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict


def drift(_inputs: Inputs) -> Verdict:
    """DriftFree."""
    return Verdict(shared.NOT_CONFIGURED, "drift is not measured by this version")


def data_validity(_inputs: Inputs) -> Verdict:
    """DataValid."""
    return Verdict(shared.NOT_CONFIGURED, "checks of requests are not made by this version")


def interactions(_inputs: Inputs) -> Verdict:
    """InteractionsSafe."""
    return Verdict(shared.NOT_CONFIGURED, "interactions are not looked at by this version")


def versions(_inputs: Inputs) -> Verdict:
    """VersionsComparable."""
    return Verdict(shared.NOT_CONFIGURED, "versions are not compared by this version")
