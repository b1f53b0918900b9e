"""Telling a running sidecar something else: `kubectl apply` of its monitor, until the sidecar has it."""

from __future__ import annotations

import time
from typing import Any

from e2e import chat
from e2e.kubectl import Kubectl
from e2e.model_pods import health
from e2e.waiting import condition, until

_MINUTES = 60.0


def tell(namespace: Kubectl, **spec: Any) -> float:
    """Apply the monitor `chat`; gives how long it took until the sidecar of its one pod had it, in seconds.

    The first time that is until the sidecar was attached.
    """
    before = _generation(namespace)
    began = time.monotonic()
    namespace.apply(chat.monitor(**spec))
    until(lambda: _generation(namespace) > before, "the sidecar to be told", 3 * _MINUTES)
    seconds = time.monotonic() - began
    condition(namespace, chat.NAME, 3 * _MINUTES, Intercepting="True")
    return seconds


def _generation(namespace: Kubectl) -> int:
    """Of the configuration that the sidecar has; 0 while there is none."""
    [pod] = chat.pods(namespace)
    return int(health(namespace, pod["metadata"]["name"]).get("configurationGeneration", 0))
