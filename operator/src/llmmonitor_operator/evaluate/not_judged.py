"""The conditions that this version does not judge: they exist, say so, and never gate `Healthy`.

Each gets a file of its own when its signal is collected; then its row in `registry.py` changes.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict


def data_validity(_inputs: Inputs) -> Verdict:
    """DataValid."""
    return Verdict(shared.NOT_CONFIGURED, "checks of requests are not made by this version")
