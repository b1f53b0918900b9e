"""Histories of anomalies and baselines of drift: a ConfigMap each beside the checkpoint (`beside.py`)."""

from __future__ import annotations

from llmmonitor_operator.anomalies import history
from llmmonitor_operator.anomalies.history import History
from llmmonitor_operator.drift import kept as baselines
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.beside import Beside, Form

HISTORY = Form(
    "history", "cells", history.SCHEMA, History(), history.encode, history.decode, "history of anomalies"
)
BASELINE = Form(
    "drift", "baseline", baselines.SCHEMA, Baseline(), baselines.encode, baselines.decode, "baseline of drift"
)


class Histories(Beside[History]):
    """The histories of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        super().__init__(kube, namespace, fullname, HISTORY)


class Baselines(Beside[Baseline]):
    """The baselines of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        super().__init__(kube, namespace, fullname, BASELINE)
